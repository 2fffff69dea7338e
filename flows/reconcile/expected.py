"""Where each alias must stand, as the ledger says. MLflow's aliases keep no history, so the ledger is replayed.

Pure: entries in, answers out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from flows.lineage.versions import Names, Told
from flows.promotion import history, succession
from flows.promotion.aliases import CHALLENGER, CHAMPION, PREVIOUS


@dataclass(frozen=True)
class Alias:
    """An alias of a registered name, and the versions of which it may bear one."""

    name: str
    alias: str
    version: int | None  # None: it must not be there
    also: frozenset[int | None]  # where a run that was killed may have left it
    entry: int | None  # index of the last entry that moved it

    def allows(self, version: int | None) -> bool:
        return version == self.version or version in self.also


def aliases(entries: Sequence[Told], names: Names) -> list[Alias]:
    """Every alias that Hallmark sets, whether it must be there or not."""
    champion, previous, teacher = _of_champion(entries, names)
    promoted = [entry for entry in entries if entry.kind == "promoted" and entry.payload["name"] == names.policy]
    last = promoted[-1].index if promoted else None
    begun = history.open_promotion(entries)
    swapped = frozenset({begun["version"], begun["expected"]} if begun else ())
    late = last is not None and promoted[-1].payload.get("run") in history.open_runs(entries)  # these follow later
    before = _of_champion([entry for entry in entries if entry.index != last], names) if late else (None, None, None)
    return [
        Alias(names.policy, CHAMPION, champion, swapped, last),
        Alias(names.policy, PREVIOUS, previous, frozenset({before[1]} if late else ()), last),
        Alias(names.reward_model, CHAMPION, teacher, frozenset({before[2]} if late else ()), last),
        challenger(entries, names.policy)]


def _of_champion(entries: Sequence[Told], names: Names) -> tuple[int | None, int | None, int | None]:
    """The champion, the one before it, and the champion's reward model."""
    stood = succession.line(entries, names.policy)
    if not stood:
        return None, None, None
    return (stood[-1].version, stood[-2].version if len(stood) > 1 else None,
            history.beside(entries, names.policy, stood[-1].version, names.reward_model))


def challenger(entries: Sequence[Told], name: str) -> Alias:
    """The last version that passed the gate, unless it was promoted, rejected, refused or expired since."""
    crashed = _crashed(entries)
    stands: int | None = None
    also: frozenset[int | None] = frozenset()
    last = None
    for entry in entries:
        if entry.payload.get("name") != name or "version" not in entry.payload:
            continue
        moved = _moved(entry, stands)
        if moved != stands:
            also = frozenset({stands}) if entry.payload.get("run") in crashed else frozenset()
            stands, last = moved, entry.index
    return Alias(name, CHALLENGER, stands, also, last)


def _moved(entry: Told, stands: int | None) -> int | None:
    """Where the alias `challenger` stands after an entry."""
    version = int(entry.payload["version"])
    if entry.kind == "registered" and entry.payload.get("verdict") == "promote":
        return version
    if entry.kind in {"registered", "promoted", "rejected", "approval expired"} and version == stands:
        return None
    return stands


def _crashed(entries: Sequence[Told]) -> set[str]:
    """Runs that may have been killed between an entry and what it says."""
    ended = {entry.payload["run"] for entry in entries
             if entry.kind == "run finished" and entry.payload["outcome"] == "crashed"}
    return ended | set(history.open_runs(entries))
