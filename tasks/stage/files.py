"""A stage's numbers as files: written whole or not at all, the same numbers as the same bytes."""

import csv
import io
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path


def write_metrics(path: Path, numbers: Mapping[str, float]) -> Path:
    """Write one flat JSON object, keys sorted; a number that is not finite becomes null, since JSON has none such."""
    return write_whole(path, json.dumps(or_null(numbers), indent=2, sort_keys=True) + "\n")


def write_plot(path: Path, rows: list[dict[str, float]]) -> Path:
    """Write one CSV row a step, `step` first; a column that a step did not report is empty there."""
    columns = list(dict.fromkeys(["step", *(key for row in rows for key in row)]))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return write_whole(path, text.getvalue())


def write_whole(path: Path, text: str) -> Path:
    """Write a text file so that a reader sees the old content or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path


def as_floats(numbers: Mapping[str, float]) -> dict[str, float]:
    """Numbers of any kind (a tensor's or an array's element too) as Python's own; whole ones stay whole."""
    return {key: value if type(value) in (int, float) else float(value) for key, value in numbers.items()}


def finite(numbers: Mapping[str, float]) -> dict[str, float]:
    """The numbers that are neither NaN nor infinite; MLflow's SQLite store and strict JSON take no others."""
    return {key: value for key, value in numbers.items() if math.isfinite(value)}


def or_null(numbers: Mapping[str, float]) -> dict[str, float | None]:
    """The numbers with null for NaN and the infinities."""
    return {key: value if math.isfinite(value) else None for key, value in numbers.items()}
