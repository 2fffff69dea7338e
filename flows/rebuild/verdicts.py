"""What is said of a stage that was run again: identical, within tolerance, or different and at which input."""

from collections.abc import Iterator, Sized
from dataclasses import dataclass
from typing import Any, Literal

from flows.dvc_lock import Locks, StageLock, changed_inputs, maker
from flows.rebuild.contents import Contents
from flows.rebuild.differences import OF_VALUES, Difference, largest

Verdict = Literal["identical", "within tolerance", "different"]


@dataclass(frozen=True)
class Compared:
    """One stage, recorded and rebuilt."""

    name: str
    verdict: Verdict
    detail: str  # names and numbers alone: it goes into the ledger
    seconds: float | None = None  # how long it took; None where it did not run to its end
    amount: float = 0.0  # see Difference; 0 where the bytes are the same
    error: str = ""  # what a stage that broke off said

    def payload(self) -> dict[str, Any]:
        """As the ledger has it."""
        return {"name": self.name, "verdict": self.verdict, "detail": self.detail, "seconds": self.seconds}


def compare(
    name: str, recorded: Locks, now: StageLock, then: Contents, here: Contents, *, tolerance: float,
    seconds: float | None = None
) -> Compared:
    """Hold what a stage wrote against what dvc.lock of its run says that it wrote.

    Args:
        then: the recorded bytes.
        here: the rebuilt bytes.
        tolerance: the largest Difference.amount that still counts as the same.
    """
    stage = recorded[name]
    inputs = [_told(path, sentence, recorded) for path, sentence in changed_inputs(stage, now)]
    apart = sorted(differing(stage, now, then, here), key=lambda one: -one.amount)
    though = f", though {inputs[0]}" if inputs else ""
    if not apart:
        return Compared(name, "identical", f"the same bytes in {counted(stage.writes, 'output')}{though}", seconds)
    how, amount = apart[0].text, apart[0].amount
    if amount <= tolerance:
        return Compared(name, "within tolerance", f"{how}{though}", seconds, amount)
    detail = f"{inputs[0]}; {how}" if inputs else f"on the same inputs {how}"
    return Compared(name, "different", detail, seconds, amount)


def counted(things: Sized, name: str) -> str:
    """`1 output`, `2 outputs`."""
    return f"{len(things)} {name}{'' if len(things) == 1 else 's'}"


def differing(stage: StageLock, now: StageLock, then: Contents, here: Contents) -> Iterator[Difference]:
    """The largest difference of each file that has other bytes, and files that one side alone has."""
    for path, digest in stage.writes.items():
        if now.writes.get(path) != digest:
            yield from _in_output(path, digest, now.writes.get(path, ""), then, here)


def _in_output(path: str, recorded: str, rebuilt: str, then: Contents, here: Contents) -> Iterator[Difference]:
    before, after = then.files(recorded), here.files(rebuilt) if rebuilt else None
    if before is None or after is None:
        yield _unseen(path, before)
        return
    for file in sorted(before.keys() | after.keys()):
        if before.get(file) != after.get(file):
            yield _in_file(f"{path}/{file}" if file else path, before.get(file), after.get(file), then, here)


def _in_file(path: str, recorded: str | None, rebuilt: str | None, then: Contents, here: Contents) -> Difference:
    if recorded is None or rebuilt is None:
        how = "was not there then" if recorded is None else "is not written any more"
        return Difference(f"{path} {how}", OF_VALUES)
    before, after = then.file(path, recorded), here.file(path, rebuilt)
    if before is None or after is None:
        return _unseen(path, before)
    found = largest(before, after, path)
    return Difference(f"{path} {found.text}", found.amount)


def _unseen(path: str, recorded: object) -> Difference:
    whose = "recorded" if recorded is None else "rebuilt"
    return Difference(f"{path} differs, its {whose} bytes are not here to be looked into", OF_VALUES)


def _told(path: str, sentence: str, recorded: Locks) -> str:
    made_by = maker(recorded, path) if path else None
    return f"{sentence} (made by {made_by})" if made_by else sentence
