"""What can be said of checked rows without their text: lengths, hashes and yes or no, as tables of a database.

The rows are read back as they were written. Great Expectations looks at these tables and never at the rows, so that
nothing it reports can hold a text; and it looks through SQL, so that no table need fit into memory.
"""

import hashlib
import hmac
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tasks.contracts.data_config import Kind
from tasks.data.checks.policies import Policies, must_not_train
from tasks.data.checks.spools import Spool, group_starts
from tasks.data.reading.in_order import Processes
from tasks.data.rows.labels import BAD, GOOD
from tasks.data.rows.normal_text import key, normal, same_prompt
from tasks.data.rows.row_bytes import joined, members
from tasks.data.rows.schema import META, TEXTS

PROMPTS = "prompts_by_side"  # the table with one row a prompt
PIECE_BYTES = 4 << 20
SMALL_BYTES = 4 << 20  # of all files together; they are measured here: to start processes would take longer
_OWN_FIELDS = {"id", "split", "source_id"}
_TRAINING, _HELD_OUT = 0, 1

Measured = tuple[str | int | bool | None, ...]


class Piece(NamedTuple):
    """Some whole lines of a file of checked rows."""

    path: Path
    start: int  # byte
    end: int


def measure(checked: Mapping[Kind, Path], database: Path, processes: Processes, policies: Policies) -> list[str]:
    """Read checked rows back and write one table a kind, and one of all prompts; return the tables' names.

    Args:
        policies: what was to become of rows with personal data.
        database: a new SQLite file; the folder it stands in is used for what does not stay in memory.
    """
    database.parent.mkdir(parents=True, exist_ok=True)
    sides = Spool(database.parent, "sides")
    alone = sum(path.stat().st_size for path in checked.values()) <= SMALL_BYTES
    with closing(sqlite3.connect(database)) as tables:
        tables.execute("PRAGMA journal_mode = OFF")  # a database that is made anew needs no way back
        tables.execute("PRAGMA synchronous = OFF")
        for kind, path in checked.items():
            found = processes.map(partial(measure_piece, kind, policies), pieces(path), alone=alone)
            _write(tables, kind, columns(kind), _with_sides(found, sides))
        if len(sides):
            _write(tables, PROMPTS, ("prompt_key", "in_training", "in_held_out"), _prompts(sides))
        tables.commit()
    return [*checked, *([PROMPTS] if len(sides) else [])]


def pieces(path: Path) -> Iterator[Piece]:
    """Cut a file between lines, into pieces of about PIECE_BYTES."""
    size, start = path.stat().st_size, 0
    with path.open("rb") as file:
        while start < size:
            file.seek(min(size, start + PIECE_BYTES))
            file.readline()
            yield Piece(path, start, file.tell())
            start = file.tell()


def columns(kind: Kind) -> tuple[str, ...]:
    """The names of what is measured of a row."""
    each = [(f"{name}_is_text", f"{name}_characters", f"{name}_key") for name in TEXTS[kind]]
    return ("id", "split", "id_is_the_digest_of_the_row", "unknown_fields", "kinds_that_must_not_train",
            *(name for names in each for name in names), *(("label_is_known",) if kind == "labels" else ()))


def measure_piece(kind: Kind, policies: Policies, piece: Piece) -> tuple[list[Measured], np.ndarray]:
    """The measures of each row, and the keys of prompts by side: uint64 [prompts, 2], the second column the side."""
    with piece.path.open("rb") as file:
        file.seek(piece.start)
        rows = [json.loads(line) for line in file.read(piece.end - piece.start).splitlines()]
    prompts = [(key(same_prompt(str(row["prompt"]))), _HELD_OUT if row["split"] == "test" else _TRAINING)
               for row in rows if "prompt" in row]
    return [_measure_row(kind, policies, row) for row in rows], np.array(prompts, np.uint64).reshape(-1, 2)


def row_of(checked: Mapping[str, Any]) -> dict[str, Any]:
    """The canonical row that a checked row was made of: what its id is the digest of."""
    row = {name: value for name, value in checked.items() if name not in _OWN_FIELDS}
    return row | ({"id": checked["source_id"]} if "source_id" in checked else {})


def _measure_row(kind: Kind, policies: Policies, row: Mapping[str, Any]) -> Measured:
    digest = hashlib.sha256(joined(members(row_of(row)))).hexdigest()
    known = {*TEXTS[kind], *META, *_OWN_FIELDS}
    measured: list[str | int | bool | None] = [
        str(row.get("id")), str(row.get("split")), hmac.compare_digest(digest, str(row.get("id"))),
        len(row.keys() - known), len(must_not_train(row_of(row), policies))]
    for name in TEXTS[kind]:
        text = row.get(name)
        is_text = isinstance(text, str)
        measured += (is_text, len(text.strip()) if isinstance(text, str) else None, _signed(key(normal(str(text)))))
    if kind == "labels":
        measured.append(row.get("label") in (GOOD, BAD))
    return tuple(measured)


def _with_sides(found: Iterable[tuple[list[Measured], np.ndarray]], sides: Spool) -> Iterator[Measured]:
    for rows, prompts in found:
        sides.add(prompts[:, 0], prompts[:, 1])
        yield from rows


def _prompts(sides: Spool) -> Iterator[Measured]:
    """Each prompt once, with the sides on which it stands."""
    for records in sides.partitions():
        if len(records):
            places = np.flatnonzero(group_starts(records["key"]))
            held_out = np.maximum.reduceat(records["row"], places) == _HELD_OUT
            training = np.minimum.reduceat(records["row"], places) == _TRAINING
            keys = records["key"][places].astype(np.int64)  # as SQLite has integers
            yield from zip(keys.tolist(), training.tolist(), held_out.tolist(), strict=True)


def _signed(bits: int) -> int:
    return bits - (1 << 64) if bits >> 63 else bits


def _write(tables: sqlite3.Connection, name: str, names: Sequence[str], rows: Iterable[Measured]) -> None:
    tables.execute(f"CREATE TABLE {name} ({', '.join(names)})")
    tables.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(names))})", rows)  # noqa: S608 - our own names
