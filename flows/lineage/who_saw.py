"""Which versions of the data and of the models saw a row, and through what.

The manifests are asked as they lie there; `hallmark audit rows` and `prove-row` hold one against its root.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from flows.lineage.versions import NOT_RECORDED, Names, Registration, Told, aliases, registrations
from tasks.contracts.errors import DigestMismatch, Misused
from tasks.records.manifest_store import ManifestStore
from tasks.records.uses import ALL_ROWS, PROMPTS, concerns, through

PREFIX_AT_LEAST = 8  # characters of a row's id that may stand for it
KINDS = ("registered", "promoted", "rejected", "approval expired", "promotion undone")  # all that is asked here


@dataclass
class Seen:
    """A version of a model and the uses in which it met the row."""

    name: str
    version: int
    uses: dict[str, None] = field(default_factory=dict)
    teachers: dict[int, None] = field(default_factory=dict)  # versions of the reward model beside it


@dataclass(frozen=True)
class Answer:
    row: str
    data_versions: list[dict[str, Any]]
    model_versions: list[dict[str, Any]]
    aliases: list[str]
    not_recorded: list[dict[str, Any]]  # versions of which nobody can say: registered before manifests were kept
    unreadable: list[str]  # manifests that are gone or damaged; where there is one, absence is not shown


def who_saw(entries: Sequence[Told], store: ManifestStore, row: str, names: Names) -> Answer:
    """All that the ledger and the kept manifests say about a row.

    Args:
        entries: those of KINDS, at least.
        row: its id, 64 hex.
    """
    found, lookup = registrations(entries), Lookup(store, bytes.fromhex(row))
    teachers = {one.bundle: one.version for one in found if one.name == names.reward_model}
    seen: dict[tuple[str, int], Seen] = {}
    for one in found:
        uses = met(one, names, lookup)
        if uses:
            version = seen.setdefault((one.name, one.version), Seen(one.name, one.version))
            version.uses |= dict.fromkeys(uses)
            version.teachers |= dict.fromkeys([teachers[one.bundle]] if one.bundle in teachers else [])
    borne = aliases(entries, names)
    told = [_version(one, names, borne) for one in seen.values()]
    models = [one for one in told if one["through"]]
    return Answer(
        row, data_versions(found, lookup), models, list(dict.fromkeys(a for one in models for a in one["aliases"])),
        [{"name": name, "version": version} for name, version in dict.fromkeys(
            (one.name, one.version) for one in found if not one.manifests)],
        sorted(lookup.unreadable))


class Lookup:
    """Whether manifests hold one row; each is asked once."""

    def __init__(self, store: ManifestStore, row: bytes):
        self._store, self._row = store, row
        self._known: dict[str, bool] = {}
        self.unreadable: set[str] = set()

    def holds(self, root: str) -> bool:
        """False also where the manifest cannot be read, which `unreadable` then says."""
        if root not in self._known:
            try:
                self._known[root] = self._store.has(root, self._row)
            except DigestMismatch as error:
                self.unreadable.add(error.message())
                self._known[root] = False
        return self._known[root]


def met(one: Registration, names: Names, lookup: Lookup) -> list[str]:
    """The uses of a registration that hold the row and say something about this model."""
    if not one.manifests or not lookup.holds(one.manifests[ALL_ROWS]["root"]):
        return []
    model = names.model(one.name)
    return [use for use, said in one.manifests.items()
            if use != ALL_ROWS and not use.endswith(PROMPTS) and concerns(model, use) and lookup.holds(said["root"])]


def data_versions(found: Iterable[Registration], lookup: Lookup) -> list[dict[str, Any]]:
    """Each list of all rows that holds the row, with the registration that recorded it first."""
    first: dict[str, Registration] = {}
    for one in found:
        if one.manifests:
            first.setdefault(one.manifests[ALL_ROWS]["root"], one)
    return [{"root": root, "rows": one.manifests[ALL_ROWS]["rows"], "since": one.time, "entry": one.entry}
            for root, one in first.items() if lookup.holds(root)]


def _version(one: Seen, names: Names, borne: Sequence[tuple[str, str, int]]) -> dict[str, Any]:
    taught_by = " and ".join(f"version {number}" for number in one.teachers) or f"({NOT_RECORDED})"
    return {"name": one.name, "version": one.version, "uses": list(one.uses),
            "through": through(names.model(one.name), one.uses, taught_by),
            "aliases": [alias for alias, name, version in borne if (name, version) == (one.name, one.version)]}


def full_id(row: str, found: Iterable[Registration], store: ManifestStore) -> str:
    """The id that an id or its beginning names. An unknown whole id is an answer, and comes back as it is.

    Raises:
        Misused: it is no id, is too short, or begins no known id or several.
    """
    row = row.strip().lower()
    if not PREFIX_AT_LEAST <= len(row) <= 64 or set(row) - set("0123456789abcdef"):
        raise Misused("is no id of a row", where=row[:80] or "(empty)",
                      wanted=f"64 characters of hex, or at least the first {PREFIX_AT_LEAST}")
    if len(row) == 64:
        return row
    known = _each_data_version(found, store, lambda rows: rows.between(
        bytes.fromhex(row.ljust(64, "0")), bytes.fromhex(row.ljust(64, "f"))))
    if len(known) != 1:
        raise Misused("begins no known row" if not known else "begins several rows", where=row, wanted="one row",
                      found=", ".join(sorted(one.hex()[:16] for one in known)[:5]) or "none",
                      next_step="Give all 64 characters of the id.")
    return known.pop().hex()


def _each_data_version(
    found: Iterable[Registration], store: ManifestStore, ask: Callable[[Any], list[bytes]]
) -> set[bytes]:
    rows: set[bytes] = set()
    for root in dict.fromkeys(one.manifests[ALL_ROWS]["root"] for one in found if one.manifests):
        with store.opened(root) as kept:
            rows.update(ask(kept))
    return rows
