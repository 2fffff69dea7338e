"""Which versions of the data and of the models saw a row, and through what.

The manifests are asked as they lie there; `hallmark audit rows` and `prove-row` hold one against its root.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from flows.lineage.reading import uncollected
from flows.lineage.versions import NOT_RECORDED, Names, Registration, Told, aliases, registrations
from tasks.contracts.errors import Misused
from tasks.records.manifest_store import ManifestStore
from tasks.records.uses import ALL_ROWS, PROMPTS, concerns, through

PREFIX_AT_LEAST = 8  # characters of a row's id that may stand for it
KINDS = ("registered", "promoted", "rejected", "approval expired", "promotion undone")  # all that is asked here


_concerns, _through = lru_cache(concerns), lru_cache(through)  # the same handful, for thousands of registrations


@dataclass
class Seen:
    """A version of a model and the uses in which it met the row."""

    name: str
    version: int
    uses: dict[str, None] = field(default_factory=dict)
    teachers: dict[int, None] = field(default_factory=dict)  # versions of the reward model beside it
    entries: list[int] = field(default_factory=list)  # of the registrations that say so


@dataclass(frozen=True)
class Answer:
    row: str
    data_versions: list[dict[str, Any]]
    model_versions: list[dict[str, Any]]
    aliases: list[str]
    not_recorded: list[dict[str, Any]]  # versions of which nobody can say: registered before manifests were kept
    unreadable: list[str]  # roots of manifests that are gone or damaged; where there is one, absence is not shown


@uncollected()
def who_saw(entries: Sequence[Told], store: ManifestStore, row: str, names: Names) -> Answer:
    """All that the ledger and the kept manifests say about a row.

    Args:
        entries: those of KINDS, at least.
        row: its id, 64 hex.
    """
    found = registrations(entries)
    listed = {one.bundle: one for one in found}.values()  # a policy and its reward model have the same manifests
    roots = {said["root"] for one in listed for use, said in one.manifests.items() if not use.endswith(PROMPTS)}
    held, unreadable = store.holding(bytes.fromhex(row), roots)
    teachers = {one.bundle: one.version for one in found if one.name == names.reward_model}
    seen: dict[tuple[str, int], Seen] = {}
    for one in found:
        uses = met(one, names, held)
        if uses:
            version = seen.setdefault((one.name, one.version), Seen(one.name, one.version))
            version.uses |= dict.fromkeys(uses)
            version.entries.append(one.entry)
            version.teachers |= dict.fromkeys([teachers[one.bundle]] if one.bundle in teachers else [])
    borne: dict[tuple[str, int], list[str]] = {}
    for alias, name, number in aliases(entries, names):
        borne.setdefault((name, number), []).append(alias)
    told = [_version(one, names, borne) for one in seen.values()]
    models = [one for one in told if one["through"]]
    return Answer(
        row, data_versions(found, held), models, list(dict.fromkeys(a for one in models for a in one["aliases"])),
        [{"name": name, "version": version} for name, version in dict.fromkeys(
            (one.name, one.version) for one in found if not one.manifests)],
        sorted(unreadable))


def met(one: Registration, names: Names, held: Collection[str]) -> list[str]:
    """The uses of a registration that hold the row and say something about this model.

    Args:
        held: roots of the manifests that hold it.
    """
    model = names.model(one.name)
    return [use for use, said in one.manifests.items()
            if said["root"] in held and use != ALL_ROWS and not use.endswith(PROMPTS) and _concerns(model, use)]


def data_versions(found: Iterable[Registration], held: Collection[str]) -> list[dict[str, Any]]:
    """Each list of all rows that holds the row, with the registration that recorded it first."""
    first: dict[str, Registration] = {}
    for one in found:
        if one.manifests:
            first.setdefault(one.manifests[ALL_ROWS]["root"], one)
    return [{"root": root, "rows": one.manifests[ALL_ROWS]["rows"], "since": one.time, "entry": one.entry}
            for root, one in first.items() if root in held]


def _version(one: Seen, names: Names, borne: Mapping[tuple[str, int], list[str]]) -> dict[str, Any]:
    taught_by = " and ".join(f"version {number}" for number in one.teachers) or f"({NOT_RECORDED})"
    return {"name": one.name, "version": one.version, "uses": list(one.uses),
            "through": _through(names.model(one.name), tuple(one.uses), "{}").format(taught_by),
            "aliases": borne.get((one.name, one.version), []), "entries": one.entries}


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
