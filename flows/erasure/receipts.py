"""The receipt of an erasure, as it is made: entries with proofs, absence from the newest manifests, what went where.

The newest manifests are those of the version that was registered last, or those of a later run that registered none:
it came to the champion's own bytes, since the row had only measured, or the gate refused it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flows.data.versions import KIND as DATA_VERSION
from flows.erasure.affected import FINISHED, FORGOTTEN, affected
from flows.lineage.proofs import prove as prove_row
from flows.lineage.reading import opened
from flows.lineage.versions import Names, Registration, Told, registrations
from tasks.contracts.errors import Refused
from tasks.records.chain import Entry
from tasks.records.erasure_receipts import OF_RUN, OF_VERSION, signed
from tasks.records.installation_key import signing_key
from tasks.records.ledger import Ledger
from tasks.records.manifest_store import ManifestStore
from tasks.records.proofs import prove
from tasks.records.row_proofs import check_witnesses, witnesses_of
from tasks.records.uses import PROMPTS

ABOUT = ("data_before", "data_after", "deleted", "removed", "not_reached", "remaining")


def make_receipt(ledger: Ledger, rows: Collection[str], about: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The signed receipt of some rows, each proof checked by whoever reads it.

    Args:
        about: what the entry `erasure finished` will say of the erasure that is just ending.

    Raises:
        Refused: one of the rows was never forgotten, or its erasure has not ended.
    """
    entries, (parsed, store, names) = ledger.entries(), opened(ledger)
    ours = [one for one in parsed
            if one.kind in (FORGOTTEN, FINISHED) and not set(rows).isdisjoint(one.payload["rows"])]
    begun, ended = ([one for one in ours if one.kind == kind] for kind in (FORGOTTEN, FINISHED))
    _refuse_unless_forgotten(rows, begun, ended, about)
    ends = [about] if about else [one.payload for one in ended]
    absence = _absence(ledger, store, _newest(parsed[begun[-1].index:], names), sorted(rows))
    shown = {one.index for one in (*ours, *_data_versions(parsed, ends))}
    shown |= {absence[name] for name in ("entry", "ended") if name in absence} if absence else set()
    return signed({
        "rows": sorted(rows), "forgotten": begun[0].time, "by": begun[0].actor,
        "reasons": [one.payload["reason"] for one in begun], **_summed(ends),
        "learned_from_them": [{key: one[key] for key in ("name", "version", "through")}
                              for one in affected(parsed, store, sorted(rows), names)],
        "absence": absence, "entries": _proofs(ledger, entries, shown),
    }, signing_key(ledger.home, ledger.keys()))


def _refuse_unless_forgotten(
    rows: Iterable[str], begun: Sequence[Told], ended: Sequence[Told], about: Mapping[str, Any] | None
) -> None:
    for row in rows:
        if not any(row in one.payload["rows"] for one in begun):
            raise Refused("was never forgotten, so there is no receipt", where=row,
                          next_step="`hallmark data forget ROW --reason TEXT` forgets it.")
        if about is None and not any(row in one.payload["rows"] for one in ended):
            raise Refused("is being forgotten, and that has not ended", where=row,
                          next_step="Give `hallmark data forget` with it again: it goes on where it stood.")


@dataclass(frozen=True)
class _Ended:
    """A run whose stages finished, and the entry of its end."""

    finished: Told
    ended: Told


def _newest(later: Sequence[Told], names: Names) -> Registration | _Ended | None:
    """Whose row manifests are the newest of some entries; None where none recorded its own."""
    registered = [one for one in registrations(later, names.policy) if one.manifests]
    ends = {one.payload["run"]: one for one in later if one.kind == "run finished"}
    runs = [_Ended(one, ends[one.payload["run"]]) for one in later
            if one.kind == "stages finished" and one.payload.get("manifests") and one.payload["run"] in ends]
    if runs and (not registered or runs[-1].finished.index > registered[-1].entry):
        return runs[-1]
    return registered[-1] if registered else None


def _data_versions(entries: Sequence[Told], ends: Iterable[Mapping[str, Any]]) -> list[Told]:
    wanted = {one[key] for one in ends for key in ("data_before", "data_after")}
    return [one for one in entries if one.kind == DATA_VERSION and one.payload["version"] in wanted]


def _summed(ends: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What several erasures of a row did; a row that came back was forgotten twice."""
    stores = dict.fromkeys(store for one in ends for store in one["deleted"])
    return {
        "data": [{"before": one["data_before"], "after": one["data_after"]} for one in ends],
        "deleted": {store: sorted({name for one in ends for name in one["deleted"].get(store, ())})
                    for store in stores},
        "removed": sorted({path for one in ends for path in one["removed"]}),
        "not_reached": list(dict.fromkeys(text for one in ends for text in one["not_reached"])),
        "remaining": ends[-1]["remaining"]}


def _absence(
    ledger: Ledger, store: ManifestStore, newest: Registration | _Ended | None, rows: Sequence[str]
) -> dict[str, Any] | None:
    if newest is None:
        return None
    return _of_run(store, newest, rows) if isinstance(newest, _Ended) else _of_version(ledger, store, newest, rows)


def _of_version(ledger: Ledger, store: ManifestStore, one: Registration, rows: Sequence[str]) -> dict[str, Any]:
    proofs = [prove_row(ledger.home, store, one, row, use) for use in _uses(one.manifests) for row in rows]
    return {"of": OF_VERSION, "name": one.name, "version": one.version, "entry": one.entry,
            "bundle": proofs[0]["bundle"],
            "proofs": [{key: value for key, value in proof.items() if key != "bundle"} for proof in proofs]}


def _of_run(store: ManifestStore, one: _Ended, rows: Sequence[str]) -> dict[str, Any]:
    proofs, kept = [], one.finished.payload["manifests"]
    for use in _uses(kept):
        listed = store.checked(kept[use]["root"])
        proofs += [witnesses_of(row, listed, use=use) for row in rows]
    for proof in proofs:
        check_witnesses(proof, kept[proof["use"]]["root"], kept[proof["use"]]["rows"])
    return {"of": OF_RUN, "run": one.finished.payload["run"], "outcome": one.ended.payload["outcome"],
            "entry": one.finished.index, "ended": one.ended.index, "proofs": proofs}


def _uses(manifests: Mapping[str, Any]) -> list[str]:
    return [use for use in manifests if not use.endswith(PROMPTS)]


def _proofs(ledger: Ledger, entries: Sequence[Entry], indexes: Iterable[int]) -> list[dict[str, object]]:
    head = ledger.signed_head()
    if head is None:
        raise Refused("the ledger has no entry, so nothing to prove", where=ledger.place)
    return [prove(entries, index, head).as_json() for index in sorted(indexes)]
