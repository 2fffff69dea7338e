"""Are the served bytes the approved ones: every alias, as ledger and MLflow have it, and the bytes that it leads to."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from flows.lineage.versions import Names, Told
from flows.promotion.verified import Approved, approved
from flows.reconcile.expected import Alias, aliases
from tasks.contracts.errors import HallmarkError, Refused
from tasks.records import model_store, registry
from tasks.records.model_files import differences, digest_of
from tasks.records.registry import Version


@dataclass(frozen=True)
class Served:
    """What stands behind an alias."""

    alias: str
    name: str
    version: int | None  # as the ledger says; None: nobody
    digest: str | None  # as approved
    ok: bool
    reason: str = ""
    files: list[dict[str, str]] = field(default_factory=list)  # that differ: path, how, wanted, found
    entry: int | None = None  # of the ledger, that names the digest

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def served(home: Path, entries: Sequence[Told], names: Names) -> list[Served]:
    """Every alias that the ledger or MLflow knows, each with the bytes that it leads to held against the ledger."""
    found = {(name, alias): version for name in (names.policy, names.reward_model)
             for alias, version in registry.aliases(name).items()}
    expected = {(one.name, one.alias): one for one in aliases(entries, names)}
    nobody = {key: Alias(*key, None, frozenset(), None) for key in found.keys() - expected.keys()}
    return [_one(home, entries, one, found.get(key)) for key, one in sorted((expected | nobody).items())
            if one.version is not None or key in found]


def _one(home: Path, entries: Sequence[Told], alias: Alias, found: int | None) -> Served:
    name, version = alias.name, found if found is not None else alias.version
    if not alias.allows(found):
        said = [f"version {one}" if one is not None else "nobody" for one in (alias.version, found)]
        return Served(alias.alias, name, alias.version, None, False,
                      f"the alias was moved past the ledger, which names {said[0]}: MLflow names {said[1]}")
    assert version is not None  # one of the two names it
    try:
        one = approved(entries, home, name, version)
        files = other_files(one)
    except HallmarkError as error:
        return Served(alias.alias, name, version, None, False, error.message())
    said = [f"{path} was {how}" if how != "missing" else f"{path} is missing" for path, how, *_ in files]
    return Served(alias.alias, name, version, one.digest, not files, "; ".join(said), [
        dict(zip(("path", "how", "wanted", "found"), file, strict=True)) for file in files], one.entry)


def other_files(one: Approved) -> list[tuple[str, str, str, str]]:
    """The files that the store holds otherwise than approved.

    Raises:
        Refused: it holds none of it, or bytes of another digest though no list of files is kept that could name one.
    """
    found = model_store.stored_files(Version(one.name, one.version, one.digest, None))
    if one.files is not None:
        return differences(one.files, found)
    if digest_of(found) != one.digest:
        raise Refused("the bytes are not those that were approved; which file, no list was kept to say",
                      where=str(one), wanted=one.digest, found=digest_of(found))
    return []
