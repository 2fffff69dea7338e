"""Small honest files, for tests that then spoil one thing in them."""

import json
from collections.abc import Iterable
from pathlib import Path

from tasks.contracts.data_config import DataConfig, SourceConfig
from tasks.data.verdicts import check_path

_THINGS = ("a kettle", "two lamps", "the boat", "my garden", "an old map", "this song", "the tower")
_WAYS = ("slowly", "with care", "by hand", "in the dark", "at noon", "for a friend")


def settings(**changes: object) -> DataConfig:
    """Settings of the data room; 10 rows are enough."""
    sources = [SourceConfig(path="data/rows.jsonl")]
    return DataConfig.model_validate({"sources": sources, "minimum_rows": 10} | changes)


def preferences(count: int, first: int = 0) -> list[dict]:
    """Comparisons with nothing wrong in them; the longer answer wins in every second one, and no word in most."""
    rows = []
    for number in range(first, first + count):
        way, other_way, tone = _WAYS[number % 6], _WAYS[(number + 2) % 6], number // 2 % 2
        good = (f"Take number {number} and begin {way}", f"Pick figure {number} now start {way}")[tone]
        good += (" today.", " later.")[tone] * (1 + number % 2)
        bad = (f"Nobody knows about {number} {other_way}", f"People argue under {number} {other_way}")[tone]
        bad += (" ever.", " once.")[tone] * (2 - number % 2) + (" Well.", " Fine.")[tone]
        rows.append({"id": f"row-{number}", "prompt": f"How do I mend {_THINGS[number % 7]} number {number}?",
                     "chosen": good, "rejected": bad if number % 2 else bad + " Really, nobody at all."})
    return rows


def demonstrations(count: int, first: int = 0) -> list[dict]:
    """Demonstrations with other prompts than those of `preferences`."""
    return [{"id": f"demo-{number}", "prompt": f"Tell me about {_THINGS[number % 7]}, part {number}.",
             "response": f"Part {number} is done {_WAYS[number % 6]}."} for number in range(first, first + count)]


def labels(count: int, first: int = 0) -> list[dict]:
    """Answers that were labelled, every second one good, with prompts that no other rows have."""
    said = (("bad", "Nobody knows what becomes of {}, ask elsewhere."), ("good", "Begin with step {} and do it {}."))
    return [{"id": f"label-{number}", "prompt": f"Which way goes {_THINGS[number % 7]} of kind {number}?",
             "response": said[number % 2][1].format(number, _WAYS[number % 6]), "label": said[number % 2][0]}
            for number in range(first, first + count)]


def write_rows(path: Path, rows: Iterable[object]) -> Path:
    """Write rows as JSON Lines; bytes are written as they are."""
    lines = (row if isinstance(row, bytes) else json.dumps(row, ensure_ascii=False).encode() for row in rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def refusal(path: Path, kind: str | None = None, **changes: object) -> str:
    """Why a path is refused; empty where it is not."""
    found = check_path(path, kind, settings(**changes))
    assert (found.verdict == "refuse") == bool(found.error)
    return found.error or ""
