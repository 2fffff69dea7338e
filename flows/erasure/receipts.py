"""The receipt of an erasure, as it is made: entries with proofs, absence from the newest manifests, what went where."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from flows.data.versions import KIND as DATA_VERSION
from flows.erasure.affected import FINISHED, FORGOTTEN, affected
from flows.lineage.proofs import prove as prove_row
from flows.lineage.reading import opened
from flows.lineage.versions import Names, Registration, Told, registrations
from tasks.contracts.errors import Refused
from tasks.records.chain import Entry
from tasks.records.erasure_receipts import signed
from tasks.records.installation_key import signing_key
from tasks.records.ledger import Ledger
from tasks.records.manifest_store import ManifestStore
from tasks.records.proofs import prove
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
    newest = _registered_after(parsed, begun[-1], names)
    shown = [*ours, *_data_versions(parsed, [about] if about else [one.payload for one in ended]),
             *([parsed[newest.entry]] if newest else [])]
    ends = [about] if about else [one.payload for one in ended]
    return signed({
        "rows": sorted(rows), "forgotten": begun[0].time, "by": begun[0].actor,
        "reasons": [one.payload["reason"] for one in begun], **_summed(ends),
        "learned_from_them": [{key: one[key] for key in ("name", "version", "through")}
                              for one in affected(parsed, store, sorted(rows), names)],
        "absence": _absence(ledger, store, newest, rows) if newest else None,
        "entries": _proofs(ledger, entries, {one.index for one in shown}),
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


def _registered_after(entries: Sequence[Told], begun: Told, names: Names) -> Registration | None:
    """The newest version whose rows were recorded after the rows were forgotten."""
    found = [one for one in registrations(entries, names.policy) if one.entry > begun.index and one.manifests]
    return found[-1] if found else None


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


def _absence(ledger: Ledger, store: ManifestStore, one: Registration, rows: Collection[str]) -> dict[str, Any]:
    proofs = [prove_row(ledger.home, store, one, row, use)
              for use in one.manifests if not use.endswith(PROMPTS) for row in sorted(rows)]
    return {"name": one.name, "version": one.version, "entry": one.entry, "bundle": proofs[0]["bundle"],
            "proofs": [{key: value for key, value in proof.items() if key != "bundle"} for proof in proofs]}


def _proofs(ledger: Ledger, entries: Sequence[Entry], indexes: Iterable[int]) -> list[dict[str, object]]:
    head = ledger.signed_head()
    if head is None:
        raise Refused("the ledger has no entry, so nothing to prove", where=ledger.place)
    return [prove(entries, index, head).as_json() for index in sorted(indexes)]
