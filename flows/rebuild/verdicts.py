"""What is said of a stage that was run again: identical, within tolerance, or different and at which input."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from flows.rebuild.contents import Contents
from flows.rebuild.differences import Difference, largest
from flows.rebuild.locks import Locks, StageLock, changed_inputs, maker

Verdict = Literal["identical", "within tolerance", "different"]
UNKNOWN = float("inf")


@dataclass(frozen=True)
class Compared:
    """One stage, recorded and rebuilt."""

    name: str
    verdict: Verdict
    detail: str
    seconds: float | None = None  # how long it took; None where it did not run to its end
    amount: float = 0.0  # see Difference; 0 where the bytes are the same

    def payload(self) -> dict[str, Any]:
        """As `--json` and the ledger have it."""
        return {key: value for key, value in asdict(self).items() if key != "amount"}


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
        return Compared(name, "identical", f"the same bytes in {len(stage.writes)} outputs{though}", seconds)
    most = apart[0]
    if most.amount <= tolerance:
        return Compared(name, "within tolerance", f"differs {most.sentence()}{though}", seconds, most.amount)
    how = "differs " + most.sentence() if most.amount < UNKNOWN else most.sentence() + " differs"
    detail = f"{inputs[0]}; {how}" if inputs else f"on the same inputs {how}"
    return Compared(name, "different", detail, seconds, most.amount)


def differing(stage: StageLock, now: StageLock, then: Contents, here: Contents) -> Iterator[Difference]:
    """The largest difference of each file that has other bytes, and files that one side alone has."""
    for path, digest in stage.writes.items():
        if now.writes.get(path) != digest:
            yield from _in_output(path, digest, now.writes.get(path, ""), then, here)


def _in_output(path: str, recorded: str, rebuilt: str, then: Contents, here: Contents) -> Iterator[Difference]:
    before, after = then.files(recorded), here.files(rebuilt) if rebuilt else None
    if before is None or after is None:
        gone = "recorded" if before is None else "rebuilt"
        yield Difference(f"{path} (its {gone} bytes are not here to be looked into)", UNKNOWN)
        return
    for file in sorted(before.keys() | after.keys()):
        if before.get(file) != after.get(file):
            yield _in_file(f"{path}/{file}" if file else path, before.get(file), after.get(file), then, here)


def _in_file(path: str, recorded: str | None, rebuilt: str | None, then: Contents, here: Contents) -> Difference:
    if recorded is None or rebuilt is None:
        return Difference(f"{path} (which {'is new' if recorded is None else 'is missing'})", UNKNOWN)
    files = then.file(path, recorded), here.file(path, rebuilt)
    if files[0] is None or files[1] is None:
        gone = "recorded" if files[0] is None else "rebuilt"
        return Difference(f"{path} (its {gone} bytes are not here to be looked into)", UNKNOWN)
    found = largest(files[0], files[1], path)
    return Difference(f"{found.where} of {path}", found.amount, found.absolute)


def _told(path: str, sentence: str, recorded: Locks) -> str:
    made_by = maker(recorded, path) if path else None
    return f"{sentence} (made by {made_by})" if made_by else sentence
