"""Which versions learned from forgotten rows, and that none of them becomes champion (again).

The rows of a version are those of the manifests that were kept when it was registered last; how a row reached a model
is said by tasks/records/uses.py, so SFT model, reward model and base count too.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from flows.lineage.reading import opened as open_lineage
from flows.lineage.versions import Names, Registration, Told, registration, told
from flows.lineage.who_saw import who_saw
from flows.promotion.aliases import Mover
from tasks.contracts.errors import DataRefused, PromotionRefused
from tasks.contracts.places import PREPARED
from tasks.records.ledger import Ledger
from tasks.records.manifest_store import ManifestStore
from tasks.records.manifests import opened
from tasks.records.uses import ALL_ROWS, MEASURED, ROWS, TAUGHT

FORGOTTEN, FINISHED = "row forgotten", "erasure finished"


def forgotten(entries: Iterable[Told]) -> dict[str, Told]:
    """Every row that was ever forgotten, with the entry that says so first."""
    found: dict[str, Told] = {}
    for entry in entries:
        if entry.kind == FORGOTTEN:
            for row in entry.payload["rows"]:
                found.setdefault(row, entry)
    return found


def open_erasures(entries: Sequence[Told]) -> dict[str, Told]:
    """Erasures that were begun and have not ended: id -> the entry that began it."""
    ended = {entry.payload["run"] for entry in entries if entry.kind == FINISHED}
    return {entry.payload["run"]: entry for entry in entries
            if entry.kind == FORGOTTEN and entry.payload["run"] not in ended}


def affected(entries: Sequence[Told], store: ManifestStore, rows: Iterable[str], names: Names) -> list[dict[str, Any]]:
    """Every version that met one of the rows: `name`, `version`, `through`, `aliases`, `trained`, `rows` of them."""
    found: dict[tuple[str, int], dict[str, Any]] = {}
    for row in rows:
        for one in who_saw(entries, store, row, names).model_versions:
            said = found.setdefault((one["name"], one["version"]), {
                "name": one["name"], "version": one["version"], "through": "", "aliases": one["aliases"],
                "trained": False, "rows": []})
            said["trained"] |= one["through"] != MEASURED
            said["through"] = _joined(said["through"], one["through"])
            said["rows"].append(row)
    return list(found.values())


def _joined(one: str, other: str) -> str:
    """What two rows were to a version; that one of them only measured it says nothing beside what trained it."""
    parts = dict.fromkeys(part for text in (one, other) for part in text.split("; ") if part)
    return "; ".join(part for part in parts if part != MEASURED) or MEASURED


def learned_from(store: ManifestStore, one: Registration, names: Names, rows: Iterable[str]) -> list[str]:
    """Which of some rows reached a version, by training it or what it came from. Not those that only measured it.

    Raises:
        DigestMismatch: a manifest that this rests on is gone or damaged.
    """
    wanted, found = list(rows), []
    for use in TAUGHT[names.model(one.name)]:
        if use in one.manifests:
            with store.opened(one.manifests[use]["root"]) as kept:
                found += [row for row in wanted if bytes.fromhex(row) in kept]
    return list(dict.fromkeys(found))


def refuse_affected(run: Mover, name: str, version: int) -> None:
    """Raise PromotionRefused for a version that learned from a forgotten row, or of which nobody can say."""
    gone = forgotten(told(run.ledger.entries_of([FORGOTTEN])))
    if not gone:
        return
    entries = told(run.ledger.entries_of(["registered"]))
    names = Names(run.params.promotion.policy_model, run.params.promotion.reward_model)
    one = registration(entries, name, version)
    if not one.manifests:
        raise PromotionRefused(
            "nobody can say whether it learned from forgotten rows: its rows were not recorded", where=str(one),
            wanted="a version registered since row manifests are kept", next_step="`hallmark retrain` makes one.")
    learned = learned_from(ManifestStore(run.home), one, names, gone)
    if learned:
        more = f" and from {len(learned) - 1} more" if len(learned) > 1 else ""
        raise PromotionRefused(
            f"it learned from row {learned[0]}, which was forgotten at {gone[learned[0]].time[:19]}Z{more}",
            where=str(one), next_step="`hallmark retrain` makes a version without it.")


def refuse_rows_again(root: Path, ledger: Ledger) -> None:
    """Raise DataRefused where the prepared rows of a run hold one that was forgotten: it came back with other data."""
    gone, path = forgotten(told(ledger.entries_of([FORGOTTEN]))), root / PREPARED / ROWS
    if not gone or not path.is_file():
        return
    with opened(path) as rows:
        back = [row for row in gone if bytes.fromhex(row) in rows]
    if back:
        entry = gone[back[0]]
        raise DataRefused(
            f"row {back[0]} was forgotten at {entry.time[:19]}Z and is in data/ again"
            + (f", and {len(back) - 1} more" if len(back) > 1 else ""), where=str(path), wanted="data without it",
            next_step=f"`hallmark data forget {back[0][:16]} --reason TEXT` takes it out once more.")


def refuse_registration(manifests: Mapping[str, Mapping[str, Any]], ledger: Ledger) -> None:
    """Raise DataRefused where a version is to be registered whose manifests hold a forgotten row."""
    gone, store = forgotten(told(ledger.entries_of([FORGOTTEN]))), ManifestStore(ledger.home)
    if not gone or ALL_ROWS not in manifests:
        return
    with store.opened(manifests[ALL_ROWS]["root"]) as rows:
        back = [row for row in gone if bytes.fromhex(row) in rows]
    if back:
        raise DataRefused(f"row {back[0]} was forgotten at {gone[back[0]].time[:19]}Z and is not registered again",
                          where="the manifest of all rows", wanted="data without it")


def champion_learned_from(ledger: Ledger) -> list[str]:
    """The forgotten rows that the champion learned from; none where nothing was forgotten or nobody is champion."""
    gone = forgotten(told(ledger.entries_of([FORGOTTEN])))
    if not gone:
        return []
    from flows.promotion import history

    entries, store, names = open_lineage(ledger)
    champion = history.champion(entries, names.policy)
    if champion is None:
        return []
    return learned_from(store, registration(entries, names.policy, champion.version), names, gone)
