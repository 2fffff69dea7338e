"""What a check or a reader costs grows with its input and not faster, for the shapes that a pattern fears most.

Held are ratios: four times the input may take up to GROWTH times as long, where the square would take sixteen times.
What is done in SOON is not asked, for a clock says little of it, and at these sizes the square takes longer.
"""

import gc
import gzip
import io
import time
import unicodedata
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from tasks.contracts.errors import DataRefused
from tasks.data.checks import markers, observations, policies, privacy, scripts, shingles
from tasks.data.examination import Workplace, examine
from tasks.data.reading.formats import read_rows
from tasks.data.reading.in_order import Processes
from tasks.data.rows import normal_text, schema
from tasks.data.rows.refusals import RowRefused
from tests.data.rows_on_disk import preferences, settings, write_rows

GROWTH, SOON, TRIES = 7.0, 0.05, 3
UNITS = 2500

Input = TypeVar("Input")


def grows_faster(work: Callable[[Input], object], made: Callable[[int], Input], size: int) -> bool:
    """Whether four times the size takes more than GROWTH times as long, at every try."""
    large, small = made(4 * size), made(size)
    took = seconds(work, large)
    return took > SOON and all(
        min(took, seconds(work, large)) > GROWTH * min(seconds(work, small) for _ in range(3)) for _ in range(TRIES))


def seconds(work: Callable[[Input], object], given: Input) -> float:
    gc.disable()  # what it takes grows with all that other tests left in the process
    started = time.process_time()
    try:
        work(given)
        return time.process_time() - started
    finally:
        gc.enable()


# --- checks ---


def canonical(kind: schema.Kind, *names: str) -> Callable[[str], object]:
    def work(text: str) -> object:
        try:
            return schema.canonical_row(kind, {name: text + name for name in names}, {}, 1 << 40)
        except RowRefused as refusal:
            return refusal
    return work


CHECKS: dict[str, Callable[[str], object]] = {
    "signs": lambda text: list(observations.signs_of({"prompt": "?", "chosen": text, "rejected": text + "."}, [text])),
    "personal data": privacy.personal_data_by_patterns,
    "masks": lambda text: policies.masked(text, list(privacy.RECOGNISERS)),
    "canaries": lambda text: policies.has_canary(text, frozenset(("0" * 64,))),
    "normal forms": lambda text: [form(text) for form in (
        normal_text.normal, normal_text.same_prompt, normal_text.letters_and_digits)],
    "signatures": lambda text: shingles.signatures([text]),
    "markers": lambda text: markers.codes_of(text, text[::-1]),
    "scripts": lambda text: scripts.script_of([text]),
    "transcripts": canonical("transcripts", "chosen", "rejected"),
    "rows": canonical("preferences", "prompt", "chosen", "rejected")}

SHAPES = [  # each comes again and again, so that a pattern begins, goes far and fails at every place
    "a", "A", "0", " ", "\n", "a@", "a@b.", "a@b.co ", "@a.a", "+1(", "+1 ", "(555) ", "123-45-", "4111 ", "AB12 ",
    "1.", "1.2.3.4 ", "::", "fe80:", "1 Aaaa ", "1 Aa", "born 1 ", "date of birth", "passport ", "passport: A1",
    "AKIA", "ghp_", "sk-", "xoxb-", "eyJ", "eyJ-", "-eyJaaaaaaaa", "eyJaaaaaaaa.", "eyJaaaaaaaa.-eyJaaaaaaaa.",
    "-----BEGIN ", "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", "canary ", "canary 12345678-", "[",
    "[A", "[PLACEHOLDER", "PLACEHOLDER", "<|", "<|a", "[/INST", "\n\nHuman:", "\n\nHuman: a",
    "\n\nHuman: a\n\nAssistant: b", "\n\nuser\t", " Human", "=", "= ", "=a", "@a|", "[good", "score: ", "kill ",
    "shut up ", "'a", "password: ", "token=", "tel: 1 ", "http://a.", "_", "\u00c3", "\u00c3\u00a9", "\u00e2\u20ac",
    "\u0301\u0327", "\u0f73", "\u0301\uff9e", "\u1100\u1161", "\U0001f3f4\U000e0041", "\u200b", "\u4e2d", "\u0663",
    "\u017f", "\u0130", "\u00a0", "\ufb03", "\x1c"]


def begun_and_repeated(shape: str, units: int) -> str:
    return "a eyJ[" + shape * units


@pytest.mark.parametrize("check", CHECKS)
def test_no_check_takes_longer_than_its_text_grows(check):
    CHECKS[check]("warm \u00e9 \u0301" * 99)
    assert [shape for shape in SHAPES
            if grows_faster(CHECKS[check], partial(begun_and_repeated, shape), UNITS)] == []


def test_marks_sorted_by_insertion_would_be_seen():
    assert grows_faster(partial(unicodedata.normalize, "NFC"), partial(begun_and_repeated, "\u0301\u0327"), UNITS)


# --- readers ---


def parquet(table: pa.Table, **how: object) -> bytes:
    data = io.BytesIO()
    pq.write_table(table, data, compression="zstd", **how)
    return data.getvalue()


def one_dictionary(rows: int) -> bytes:
    """An eighth of the rows' texts, each several times, as one dictionary of one row group."""
    values = pa.array([f"{number:0300d}" for number in range(rows // 8)])
    column = pa.DictionaryArray.from_arrays(pa.array([n % (rows // 8) for n in range(rows)], pa.int32()), values)
    return parquet(pa.table({"text": column}), dictionary_pagesize_limit=1 << 30, row_group_size=1 << 30)


FILES: dict[str, tuple[str, int, Callable[[int], bytes]]] = {
    "deep JSON": ("a.jsonl", 50_000, lambda n: b'{"text":' + b"[" * n),
    "shallow brackets": ("a.jsonl", 20_000, lambda n: b'{"text":[' + b'{"a":[1]},' * n + b"0]}"),
    "a long line": ("a.jsonl", 500_000, lambda n: b'{"text":"' + b"a" * n + b'"}'),
    "many fields": ("a.jsonl", 20_000, lambda n: ("{" + ",".join(f'"{k}":1' for k in range(n)) + "}").encode()),
    "surrogate escapes": ("a.jsonl", 100_000, lambda n: b'{"text":"' + b"\\ud800" * n + b'"}'),
    "a long number": ("a.jsonl", 200_000, lambda n: b'{"margin":1.' + b"7" * n + b"}"),
    "empty lines": ("a.jsonl", 200_000, lambda n: b"\n" * n),
    "members of gzip": ("a.jsonl.gz", 13_000, lambda n: gzip.compress(b"", mtime=0) * n),
    "gzip of one byte": ("a.jsonl.gz", 1_000_000, lambda n: gzip.compress(b" " * n, mtime=0)),
    "frames of zstd": ("a.jsonl.zst", 3000, lambda n: zstandard.compress(b'{"text":"a"}\n') * n),
    "zstd of one byte": ("a.txt.zst", 1_000_000, lambda n: zstandard.compress(b"a" * n)),
    "columns of CSV": ("a.csv", 30_000, lambda n: (
        ",".join(f"c{k}" for k in range(n)) + "\n" + "," * (n - 1)).encode()),
    "quotes of CSV": ("a.csv", 200_000, lambda n: b'a,b\n"' + b'""' * n + b'",b\n'),
    "cells over lines": ("a.csv", 50_000, lambda n: b"a,b\n" + b'"\n",' * n + b"b\n"),
    "columns of Parquet": ("a.parquet", 100, lambda n: parquet(pa.table({f"c{k}": ["a"] * 300 for k in range(n)}))),
    "row groups": ("a.parquet", 100, lambda n: parquet(pa.table({"text": ["a"] * n}), row_group_size=1)),
    "one dictionary": ("a.parquet", 20_000, one_dictionary),
    "nulls of one list": ("a.parquet", 100_000, lambda n: parquet(pa.table({"text": pa.ListArray.from_arrays(
        pa.array([0, n], pa.int32()), pa.nulls(n, pa.string()))})))}


@pytest.mark.parametrize("shape", FILES)
def test_no_reader_takes_longer_than_its_file_grows(tmp_path, shape):
    name, size, made = FILES[shape]

    def work(content: bytes) -> None:
        (tmp_path / name).write_bytes(content)
        try:
            for _ in read_rows(tmp_path / name):
                pass
        except DataRefused:
            pass

    assert not grows_faster(work, made, size)


def test_a_billion_nulls_in_one_list_are_refused_before_they_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr("tasks.data.reading.parquet_tables.LISTED_AT_MOST", 1000)
    for count in (1000, 1001):
        (tmp_path / f"{count}.parquet").write_bytes(FILES["nulls of one list"][2](count))
    assert len(list(read_rows(tmp_path / "1000.parquet"))) == 1
    with pytest.raises(DataRefused, match="too large in one piece"):
        next(read_rows(tmp_path / "1001.parquet"))


# --- whole files ---


def again(row: dict, **changes: Callable[[int], object]) -> Callable[[int], list]:
    return lambda count: [row | {name: change(n) for name, change in changes.items()} for n in range(count)]


ROW = preferences(1)[0]
ROWS: dict[str, Callable[[int], list]] = {
    "one row": again(ROW),
    "one id": again(ROW, prompt=str),
    "one answer": again(ROW, id=str, prompt=lambda n: f"x {n}"),
    "near duplicates": again(ROW, id=str, prompt=lambda n: f"{'well ' * 40}{n}"),
    "contradictions": again({"prompt": "?"}, id=str, chosen=lambda n: str(n % 2), rejected=lambda n: str(1 - n % 2)),
    "refused rows": again(ROW, chosen=lambda n: None),
    "unknown fields": lambda count: [{**ROW, f"x{n}": 1, "id": f"{n}"} for n in range(count)],
    "ratings of one prompt": again({"prompt": "?"}, response=str, rating=lambda n: n % 5),
    "honest rows": preferences}


@pytest.mark.parametrize("shape", ROWS)
def test_no_verdict_takes_longer_than_its_rows_grow(tmp_path, shape):
    def work(path: Path) -> None:
        with Processes(1) as processes:
            examine(path, None, settings(refused_share_at_most=1.0), Workplace(tmp_path / "work", processes))

    assert not grows_faster(work, lambda count: write_rows(tmp_path / f"{count}.jsonl", ROWS[shape](count)), 500)
