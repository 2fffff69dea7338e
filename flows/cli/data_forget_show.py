"""What `hallmark data forget` and its receipt print for people."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flows.erasure.looking import Look

MOST = 10  # lines of a list on a screen; --json has all


def show_question(seen: "Look", reason: str) -> None:
    """What is about to go, before a person says yes."""
    print(f"forget {len(seen.rows)} row(s), for the reason: {reason}")
    _list("row       ", seen.rows)
    _list("rewrites  ", [f"data/{name}, line {', '.join(str(one.line) for one in lines[:MOST])}"
                         for name, lines in seen.lines.items()])
    show_affected(seen.affected)
    print("Old data versions that hold it, and outputs made of them, are deleted from DVC's cache and every remote.")


def show_look(answer: Mapping[str, Any]) -> None:
    """The answer of --dry-run."""
    _list("row       ", answer["rows"])
    _list("rewrites  ", [f"data/{name}, line {', '.join(map(str, lines[:MOST]))}"
                         for name, lines in answer["rewritten"].items()])
    show_affected(answer["affected"])
    for store, names in answer["deleted"].items():
        print(f"deletes    {len(names)} objects from {store}")
        _list("           ", [f"{name}  {answer['paths'][name]}" for name in names])
    _list("removes   ", answer["removed"])
    _list("cannot be removed, a record rests on it:", answer["stays"])
    _list("NO ANSWER ", answer["silent"])
    print("Nothing was changed.")


def show_ended(answer: Mapping[str, Any]) -> None:
    """What an erasure did."""
    _list("was forgotten before, and is nowhere in data/:", answer["already"])
    for one in answer["also"]:
        print(f"ended first  the erasure {one['erasure']} of {len(one['rows'])} row(s), which was left open")
    if answer["erasure"] is None:
        return
    _list("forgotten ", answer["rows"])
    _list("rewritten ", [f"data/{name}: {lines} line(s) less" for name, lines in answer["rewritten"].items()])
    if answer["data_before"] != answer["data_after"]:
        print(f"data       version {answer['data_before']} -> {answer['data_after']}; commit data.dvc")
    for store, names in answer["deleted"].items():
        print(f"deleted    {len(names)} objects from {store}")
    _list("removed   ", answer["removed"])
    show_affected(answer["affected"])
    if answer["champion_learned_from_them"]:
        print("THE CHAMPION LEARNED FROM FORGOTTEN ROWS and stays champion until a retraining replaces it.")
    _list("not reached", answer["not_reached"])
    _list("STILL HERE ", answer["remaining"])
    print(f"receipt    {answer['receipt']}, kept; `hallmark data receipt {answer['rows'][0][:16]} --out FILE` writes "
          "it with the proof of absence once a run has read data without the rows")


def show_affected(affected: Sequence[Mapping[str, Any]]) -> None:
    """Versions that met the rows."""
    newest = sorted(affected, key=lambda one: (not one.get("aliases"), -int(one["version"])))
    _list("affected  ", [f"{one['name']} version {one['version']}" + (
        f" ({', '.join(one['aliases'])})" if one.get("aliases") else "") + f": {one['through']}" for one in newest])
    if not affected:
        print("affected   no registered version")


def show_receipt(said: Mapping[str, Any], digest: str) -> None:
    """A receipt as a person wants it."""
    _list("forgotten ", said["rows"])
    print(f"at         {said['forgotten'][:19]}Z by {said['by']}: {'; '.join(said['reasons'])}")
    for one in said["data"]:
        print(f"data       version {one['before']} -> {one['after']}")
    absence = said["absence"]
    uses = len({proof["use"] for proof in absence["proofs"]}) if absence else 0
    print(f"absent     from all {uses} row manifests of {_whose(absence)}, each proved"
          if absence else "absent     not proved yet: no run has finished its stages since; `hallmark retrain`")
    show_affected(said["learned_from_them"])
    for store, names in said["deleted"].items():
        print(f"deleted    {len(names)} objects from {store}")
    _list("not reached", said["not_reached"])
    _list("STILL HERE ", said["remaining"])
    print(f"entries    {len(said['entries'])} of the ledger, each with its proof\n{said['says']}\nreceipt    {digest}")


def show_checked(found: Mapping[str, Any]) -> None:
    """What a checked receipt shows."""
    absent = found["absent_from"]
    print(f"The receipt holds: {len(found['rows'])} row(s) were forgotten, by {len(found['entries'])} entries of the "
          "ledger.")
    print(f"They are in none of the {absent['manifests']} row manifests of {_whose(absent)}."
          if absent else "It shows no absence: no run had finished its stages since.")
    show_affected(found["learned_from_them"])
    _list("not reached", found["not_reached"])
    _list("STILL HERE ", found["remaining"])


def _whose(absence: Mapping[str, Any]) -> str:
    """Whose row manifests absence was shown from, in words."""
    if absence.get("of") == "run":
        return f"run {absence['run']}, which registered no version (its outcome: {absence['outcome']})"
    return f"{absence['name']} version {absence['version']}"


def _list(label: str, lines: Sequence[str]) -> None:
    for line in lines[:MOST]:
        print(f"{label} {line}")
    if len(lines) > MOST:
        print(f"{label} … and {len(lines) - MOST} more; --json lists all")
