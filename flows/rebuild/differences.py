"""How far two files are apart: tensors and numbers by their values, everything else by its bytes."""

import csv
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OF_VALUES = math.inf  # the amount where what differs is no number


@dataclass(frozen=True)
class Difference:
    """How a file differs, in words that follow its name, and by how much.

    `amount` is |a - b| / max(1, |a|), a being the recorded value: relative for large numbers, absolute for small ones;
    infinite where what differs is no number.
    """

    text: str
    amount: float

    @staticmethod
    def of_numbers(where: str, apart: float, amount: float) -> "Difference":
        share = "" if apart == amount else f", {amount:.3g} of the value,"
        return Difference(f"differs by at most {apart:.3g}{share} in {where}", amount)


def largest(recorded: Path, rebuilt: Path, name: str) -> Difference:
    """The largest difference between two files of other bytes; `name` says by its ending what they are."""
    reader = {".safetensors": _tensors, ".json": _json, ".jsonl": _json_lines, ".csv": _cells}.get(Path(name).suffix)
    try:
        found = list(reader(recorded, rebuilt)) if reader else [_bytes(recorded, rebuilt)]
    except ValueError:  # it is not what its name says
        found = [_bytes(recorded, rebuilt)]
    return max(found, key=lambda one: one.amount, default=Difference("differs in its layout alone, in no value", 0.0))


def _tensors(recorded: Path, rebuilt: Path) -> Iterator[Difference]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(recorded, framework="pt") as a, safe_open(rebuilt, framework="pt") as b:
            names = set(a.keys()), set(b.keys())
            for name in sorted(names[0] | names[1]):
                if not all(name in one for one in names):
                    yield Difference(f"differs in tensor {name}, which one of the two lacks", OF_VALUES)
                else:
                    yield from _tensor(name, a.get_tensor(name), b.get_tensor(name))
    except SafetensorError as error:
        raise ValueError(str(error)) from error


def _tensor(name: str, a: Any, b: Any) -> Iterator[Difference]:
    if a.shape != b.shape or a.dtype != b.dtype:
        yield Difference(f"differs in tensor {name}: {a.dtype}{list(a.shape)} then, {b.dtype}{list(b.shape)} now",
                         OF_VALUES)
    elif not a.equal(b):
        wide, other = a.double(), b.double()
        apart = (wide - other).abs().masked_fill(wide.isnan() & other.isnan(), 0.0).nan_to_num(math.inf, math.inf)
        scaled = apart / wide.abs().clamp(min=1.0).nan_to_num(1.0, 1.0)
        yield Difference.of_numbers(f"tensor {name}", apart.max().item(), scaled.max().item())


def _json(recorded: Path, rebuilt: Path) -> Iterator[Difference]:
    yield from _values("", json.loads(recorded.read_bytes()), json.loads(rebuilt.read_bytes()))


def _json_lines(recorded: Path, rebuilt: Path) -> Iterator[Difference]:
    a, b = ([json.loads(line) for line in path.read_bytes().splitlines()] for path in (recorded, rebuilt))
    yield from _values("line ", a, b)


def _values(where: str, a: Any, b: Any) -> Iterator[Difference]:
    """Differing values below two values; texts are named, never shown: they may be a row's."""
    numbers = [type(one) in (int, float) for one in (a, b)]
    if isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
        for key in a:
            yield from _values(f"{where}.{key}" if where else str(key), a[key], b[key])
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for index, (one, other) in enumerate(zip(a, b, strict=True), start=1):
            yield from _values(f"{where}{index}" if where.endswith(" ") else f"{where}[{index - 1}]", one, other)
    elif all(numbers):
        yield from _numbers(where, float(a), float(b))
    elif a != b or type(a) is not type(b):
        yield Difference(f"differs in value {where or 'alone'}", OF_VALUES)


def _numbers(where: str, a: float, b: float) -> Iterator[Difference]:
    if a == b or (math.isnan(a) and math.isnan(b)):
        return
    apart = abs(a - b)
    if math.isfinite(apart):
        yield Difference.of_numbers(f"value {where}", apart, apart / max(1.0, abs(a)))
    else:
        yield Difference(f"differs in value {where}: {a} then, {b} now", OF_VALUES)


def _cells(recorded: Path, rebuilt: Path) -> Iterator[Difference]:
    a, b = (list(csv.reader(path.read_text(encoding="utf-8").splitlines())) for path in (recorded, rebuilt))
    yield from _values("row ", [list(map(_number, row)) for row in a], [list(map(_number, row)) for row in b])


def _number(cell: str) -> float | str:
    try:
        return float(cell)
    except ValueError:
        return cell


def _bytes(recorded: Path, rebuilt: Path) -> Difference:
    a, b = recorded.read_bytes(), rebuilt.read_bytes()
    first = next((index for index, pair in enumerate(zip(a, b, strict=False)) if pair[0] != pair[1]),
                 min(len(a), len(b)))
    return Difference(f"differs in its bytes from {first:,} on", OF_VALUES)
