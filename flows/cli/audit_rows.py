"""hallmark audit rows, who-saw, prove-row, check-row, leaks: which rows made a version, and what a row made."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli import answers, place
from tasks.contracts.errors import DigestMismatch, Misused, Refused
from tasks.contracts.places import home

if TYPE_CHECKING:
    from flows.lineage.versions import Names, Registration, Told
    from tasks.records.manifest_store import ManifestStore

app = typer.Typer()
Version = Annotated[int, typer.Argument(help="A version of the registered policy.")]
Model = Annotated[str | None, typer.Option("--model", help="Another registered name, e.g. reward-model.")]


@app.command()
def rows(
    version: Version, model: Model = None, json: place.Json = False,
    use: Annotated[str | None, typer.Option("--use", help="Print the ids of this use alone, one a line.")] = None,
) -> None:
    """List the rows that went into a version, use by use, each list held against its Merkle root."""
    entries, store, names = _opened()
    one = _registration(entries, names, version, model)
    wanted = {name: said for name, said in one.manifests.items() if use in (None, name)}
    if not wanted:
        raise Refused("no row manifest was recorded" + (f" for the use {use}" if use else ""), where=str(one),
                      wanted=", ".join(one.manifests) or "a version registered since manifests are kept")
    listed = [{"use": name, "root": said["root"], "rows": said["rows"],
               "row": [row.hex() for row in store.checked(said["root"])]} for name, said in wanted.items()]
    if json:
        every = {said["use"]: said["row"] for said in listed}.get(use or "prepare_data", [])
        place.show_json({"name": one.name, "version": one.version, "entry": one.entry, "row": every, "stages": listed})
    elif use:
        print("\n".join(listed[0]["row"]))
    else:
        for said in listed:
            print(f"{said['use']:<32} {said['rows']:>10,} rows  root {said['root']}")
        print(f"All of it of {one}, recorded in ledger entry {one.entry}; --use NAME or --json lists the ids.")


@app.command()
def who_saw(
    row: Annotated[str, typer.Argument(help="Its id, at least 8 first characters of it, or - for JSON on stdin.")] = "",
    file: Annotated[Path | None, typer.Option("--file", help="A data file to take the row from.")] = None,
    line: Annotated[int, typer.Option("--line", min=1, help="Which row of the file, from 1.")] = 1,
    json: place.Json = False,
) -> None:
    """Say which data versions, models and aliases saw a row, and through what.

    Absence is an answer too, with exit code 0; 1 where a manifest that it rests on is gone or damaged.
    """
    from dataclasses import asdict

    from flows.lineage.row_origins import forgetting
    from flows.lineage.versions import registrations
    from flows.lineage.who_saw import KINDS, full_id
    from flows.lineage.who_saw import who_saw as ask

    entries, store, names = _opened((*KINDS, "row forgotten", "erasure finished"))
    answer = ask(entries, store, full_id(given(row, file, line), registrations(entries), store), names)
    basis = sorted({one["entry"] for one in answer.data_versions} | {
        entry for one in answer.model_versions for entry in one["entries"]} | {
        entry.index for entry in entries if entry.kind == "promoted" and answer.aliases})
    if json:
        place.show_json(asdict(answer) | {"known": bool(answer.data_versions), "entries": basis,
                                          "forgotten": forgetting(entries, answer.row)})
    else:
        _show(answer, forgetting(entries, answer.row))
        print(answers.rests_on(basis))
    raise typer.Exit(1 if answer.unreadable else 0)


@app.command()
def prove_row(
    row: Annotated[str, typer.Argument(help="Its id, or at least 8 first characters of it.")],
    version: Annotated[int, typer.Option("--version", help="A version of the registered policy.")],
    out: Annotated[Path, typer.Option("--out", help="The file to write.")],
    use: Annotated[str, typer.Option("--use", help="Which list of rows; by default all that were read.")] =
    "prepare_data",
    model: Model = None, json: place.Json = False,
) -> None:
    """Write a proof that a version's rows hold a row, or that they do not, for somebody without this installation."""
    import json as json_module

    from flows.lineage.proofs import prove
    from flows.lineage.versions import registrations
    from flows.lineage.who_saw import full_id

    entries, store, names = _opened()
    one = _registration(entries, names, version, model)
    proof = prove(home(), store, one, full_id(row, registrations(entries), store), use)
    out.write_text(json_module.dumps(proof) + "\n", encoding="ascii")
    _show_proof(json, {key: proof[key] for key in ("row", "use", "present")} | {
        "name": one.name, "version": one.version, "bundle": one.bundle, "out": str(out)})


@app.command()
def check_row(
    file: Annotated[Path, typer.Argument(help="A proof by prove-row.")],
    bundle: Annotated[str | None, typer.Option("--bundle", help="The digest that its bundle must have.")] = None,
    json: place.Json = False,
) -> None:
    """Check a proof by prove-row; needs no workspace and no ledger, only a bundle's digest that is trusted."""
    import json as json_module

    from tasks.records.row_proofs import check_row_proof

    try:
        proof = json_module.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise DigestMismatch("is no proof of a row", where=str(file), found=str(error)) from None
    _show_proof(json, check_row_proof(proof if isinstance(proof, dict) else {}, bundle))


@app.command()
def leaks(version: Version, model: Model = None, json: place.Json = False) -> None:
    """Look for rows and prompts that a version was both measured and trained on; exit code 1 where there are some."""
    from flows.lineage.leaks import compared
    from flows.lineage.leaks import leaks as find

    entries, store, names = _opened()
    one = _registration(entries, names, version, model)
    found = find(one, store)
    if json:
        place.show_json({"name": one.name, "version": one.version, "leaks": found, "compared": compared(one),
                         "entries": [one.entry]})
    else:
        for leak in found:
            print(f"LEAK  {leak['shared']:,} {leak['of']} of {leak['measured']} are in {leak['trained']}, the first "
                  f"{leak['ids'][0]}")
        print(f"{one}: {len(found)} of {len(compared(one))} pairs of a measured and a trained list share something "
              f"(ledger entry {one.entry})")
    raise typer.Exit(1 if found else 0)


def _opened(kinds: tuple[str, ...] | None = None) -> "tuple[list[Told], ManifestStore, Names]":
    from flows.lineage.reading import opened

    place.enter()
    return opened(place.ledger(), kinds)


def _registration(entries: "list[Told]", names: "Names", version: int, model: str | None) -> "Registration":
    from flows.lineage.versions import registration

    return registration(entries, model or names.policy, version)


def given(row: str, file: Path | None, line: int) -> str:
    """The id that a command's words name: by itself, by a line of a file, or by JSON on stdin. Raises Misused."""
    from flows.lineage.given import id_of_json, id_of_line

    if bool(row) == (file is not None):
        raise Misused("say which row", wanted="its id, - and JSON on stdin, or --file FILE --line N")
    if file is not None:
        return id_of_line(file, line)
    return id_of_json(typer.get_binary_stream("stdin").read()) if row == "-" else row


def _show(answer: Any, gone: Mapping[str, Any] | None) -> None:
    print(f"row {answer.row}")
    if gone:
        print(f"  FORGOTTEN at {gone['time'][:16]}Z by {gone['by']}: {gone['reason']} (entry {gone['entry']})")
    for one in answer.data_versions:
        print(f"  in the data     {one['root'][:16]}… of {one['rows']:,} rows, since {one['since'][:16]}Z")
    for one in answer.model_versions:
        borne = f" ({', '.join(one['aliases'])})" if one["aliases"] else ""
        print(f"  {one['name']} version {one['version']}{borne}: {one['through']}")
    if not answer.data_versions:
        print("  is in no version of the data that was recorded, so no model saw it")
    elif not answer.model_versions:
        print("  no registered model saw it")
    for one in answer.not_recorded:
        print(f"  {one['name']} version {one['version']}: not recorded")
    for root in answer.unreadable:
        print(f"  NOT KNOWN: the manifest {root} is gone or damaged")


def _show_proof(json: bool, said: dict[str, Any]) -> None:
    if json:
        place.show_json(said)
        return
    holds = "holds" if said["present"] else "does not hold"
    print(f"{said['use']} {holds} row {said['row']}, under evidence bundle {said['bundle']}")
