"""Readers: what is a row, what is refused by line, what is refused as a file."""

import gzip
import json
import os
import tracemalloc
import zlib
from pathlib import Path

import pytest

from tasks.contracts.errors import DataRefused
from tasks.data.reading.formats import FORMATS, has_byte_order_mark, read_rows
from tasks.data.reading.pieces import LINE_BYTES_AT_MOST

ROW = b'{"prompt": "p", "chosen": "a", "rejected": "b"}'


def written(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def faults(path: Path) -> dict[int, str]:
    return {row.line: row.fault for row in read_rows(path) if row.value is None}


def refusal(path: Path) -> str:
    with pytest.raises(DataRefused) as caught:
        list(read_rows(path))
    return caught.value.message()


# --- lines ---


def test_only_a_line_feed_splits_lines(tmp_path):
    text = '{"text": "one\u2028two\u2029three\u0085four\x0bfive"}'.replace("\x0b", "\\u000b")
    path = written(tmp_path, "rows.jsonl", text.encode() + b"\n")
    assert [row.value for row in read_rows(path)] == [{"text": "one\u2028two\u2029three\u0085four\x0bfive"}]


def test_windows_line_ends_leave_nothing_in_the_values(tmp_path):
    path = written(tmp_path, "rows.jsonl", ROW + b"\r\n" + ROW + b"\r\n")
    assert [row.value for row in read_rows(path)] == [json.loads(ROW)] * 2


def test_the_last_line_needs_no_line_feed_and_empty_lines_are_no_rows(tmp_path):
    path = written(tmp_path, "rows.jsonl", b"\n" + ROW + b"\n   \n" + ROW)
    assert [row.line for row in read_rows(path)] == [2, 4]


def test_a_row_that_spans_pieces_is_one_row(tmp_path):
    long = json.dumps({"text": "x" * (3 << 20)}).encode()  # three pieces of a MiB
    path = written(tmp_path, "rows.jsonl", ROW + b"\n" + long + b"\n" + ROW)
    assert [len(str(row.value)) > 1 << 20 for row in read_rows(path)] == [False, True, False]


def test_a_line_without_end_is_refused_in_little_memory(tmp_path):
    path = tmp_path / "rows.jsonl"
    with path.open("wb") as file:
        file.truncate(1 << 30)  # sparse: a gigabyte of NUL
        file.write(b'{"text": "')
    tracemalloc.start()
    assert "line 1 is too long" in refusal(path)
    assert tracemalloc.get_traced_memory()[1] < 100 << 20
    tracemalloc.stop()


# --- JSON ---


@pytest.mark.parametrize(("line", "reason"), [
    (b'{"text": NaN}', "NaN is no JSON number"),
    (b'{"text": -Infinity}', "-Infinity is no JSON number"),
    (b'{"text": "a",}', "is not JSON"),
    (b"{'text': 'a'}", "is not JSON"),
    (b'{"text": "a"} // comment', "is not JSON"),
    (b'{"text": "a"},', "is not JSON"),
    (b'{"text": "a\x00"}', "control character"),
    (b'{"text": "\xff\xfe"}', "not UTF-8: byte 11 of the line is 0xff"),
    (b'{"text": "\xed\xa0\x80"}', "not UTF-8"),  # half a surrogate pair, encoded
    (b'{"text": "a", "text": "b"}', "names a field twice"),
    (b'["text"]', "a list, wanted a JSON object"),
    (b'"text"', "a string, wanted a JSON object"),
    (b"null", "null, wanted a JSON object"),
    (b'{"margin": 1e999}', "out of the range of float32"),
    (b'{"margin": -1e308}', "out of the range of float32"),
    (b'{"margin": ' + b"9" * 5001 + b"}", "5,001 digits"),
    (b'{"text": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested deeper than 64"),
    (b'{"text": ' + b'{"a":' * 65, "nested deeper than 64"),
])
def test_a_line_that_two_readers_could_take_differently_is_refused_alone(tmp_path, line, reason):
    path = written(tmp_path, "rows.jsonl", ROW + b"\n" + line + b"\n" + ROW + b"\n")
    assert list(faults(path)) == [2]
    assert reason in faults(path)[2]


def test_brackets_inside_a_text_are_no_nesting(tmp_path):
    row = {"text": "[" * 500 + '"\\{'}
    path = written(tmp_path, "rows.jsonl", json.dumps(row).encode())
    assert next(read_rows(path)).value == row


def test_a_hostile_text_is_scanned_in_linear_time(tmp_path):
    line = b'{"text": "' + b"\\[" * 2_000_000  # an unterminated string of escapes: a backtracking pattern hangs here
    assert list(faults(written(tmp_path, "rows.jsonl", line))) == [1]


def test_a_reason_never_quotes_the_row(tmp_path):
    path = written(tmp_path, "rows.jsonl", b'{"text": "my password is hunter2"')
    assert "hunter2" not in faults(path)[1]


@pytest.mark.parametrize("content", [b'[\n {"text": "a"}\n]', b'[{"text": "a"}, {"text": "b"}]', b'[{"text": "a"},\n'])
def test_one_array_is_no_json_lines(tmp_path, content):
    assert "one JSON array, not JSON Lines" in refusal(written(tmp_path, "rows.jsonl", content))


# --- gzip ---


def test_gzip_of_several_members_is_read_to_its_end(tmp_path):
    path = written(tmp_path, "rows.jsonl.gz", gzip.compress(ROW + b"\n") + gzip.compress(ROW + b"\n"))
    assert len(list(read_rows(path))) == 2


@pytest.mark.parametrize("cut", [5, 30, -1, -9])
def test_a_truncated_gzip_is_refused_wherever_it_was_cut(tmp_path, cut):
    whole = gzip.compress(b"\n".join(b'{"text": "%d"}' % n for n in range(500)))
    assert "gzip: truncated" in refusal(written(tmp_path, "rows.jsonl.gz", whole[:cut]))


def test_a_flipped_byte_in_a_gzip_is_found(tmp_path):
    whole = bytearray(gzip.compress(ROW))
    whole[-6] ^= 1  # in the checksum
    assert "gzip: damaged" in refusal(written(tmp_path, "rows.jsonl.gz", bytes(whole)))


@pytest.mark.parametrize(("content", "reason"), [
    (gzip.compress(ROW) + b"more", "trailing bytes"),
    (ROW, "not a gzip file"),
    (b"", "not a gzip file"),
    (gzip.compress(gzip.compress(ROW)), "unsupported: gzip"),
    (gzip.compress(b"x" * 257 + b"ustar"), "a tar archive"),
])
def test_what_is_no_gzip_of_text_is_refused(tmp_path, content, reason):
    assert reason in refusal(written(tmp_path, "rows.jsonl.gz", content))


def test_a_gzip_bomb_of_one_line_is_refused_in_little_memory(tmp_path):
    packer = zlib.compressobj(9, wbits=31)
    packed = b"".join(packer.compress(b"a" * (1 << 20)) for _ in range(256)) + packer.flush()
    tracemalloc.start()
    assert "too long" in refusal(written(tmp_path, "rows.jsonl.gz", packed))
    assert tracemalloc.get_traced_memory()[1] < 100 << 20
    tracemalloc.stop()


def test_a_gzip_bomb_of_short_lines_is_refused_by_its_ratio(tmp_path):
    packer = zlib.compressobj(9, wbits=31)
    lines = (b" " * 1023 + b"\n") * 1024  # a MiB of empty lines
    packed = b"".join(packer.compress(lines) for _ in range(128)) + packer.flush()
    assert "ratio" in refusal(written(tmp_path, "rows.jsonl.gz", packed))


# --- other formats ---


@pytest.mark.parametrize(("name", "content", "reason"), [
    ("rows.tar.gz", gzip.compress(b""), "archive"),
    ("rows.zip", b"PK\x03\x04", "archive"),
    ("rows.tsv", b"prompt\tchosen\n", "tsv"),
    ("rows.pkl", b"\x80\x04.", "pickle"),
    ("rows.json", b"{}", "JSON that is not JSON Lines"),
    ("rows.exe", b"MZ", "another ending"),
    ("rows.jsonl", b"\xff\xfe{\x00", "UTF-16"),
    ("rows.jsonl", b'{\x00"\x00', "UTF-16"),
    ("rows.jsonl", b"<!DOCTYPE html>", "a web page"),
    ("rows.jsonl", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "git lfs pull"),
    ("rows.jsonl", b"PK\x03\x04", "zip"),
    ("rows.jsonl", b"\x80\x04\x95", "pickle"),
    ("rows.jsonl", b"\x1f\x8b\x08", "gzip"),
])
def test_other_formats_are_refused_by_name(tmp_path, name, content, reason):
    assert reason in refusal(written(tmp_path, name, content))


@pytest.mark.parametrize(("name", "packed"), [
    ("rows.jsonl", bytes), ("rows.csv", bytes), ("rows.jsonl.gz", gzip.compress),
    ("rows.jsonl.gz", lambda content: gzip.compress(content[:1]) + gzip.compress(content[1:]))])
def test_a_byte_order_mark_is_no_part_of_the_first_row(tmp_path, name, packed):
    content = b"prompt,chosen\np,c\n" if ".csv" in name else b'{"prompt": "p", "chosen": "c"}\n'
    path = written(tmp_path, name, packed(b"\xef\xbb\xbf" + content))
    assert [raw.value for raw in read_rows(path)] == [{"prompt": "p", "chosen": "c"}]
    assert has_byte_order_mark(path)
    assert not has_byte_order_mark(written(tmp_path, name, packed(content)))


def test_only_the_first_byte_order_mark_is_left_out(tmp_path):
    path = written(tmp_path, "rows.jsonl", b"\xef\xbb\xbf\xef\xbb\xbf{}\n")
    assert next(read_rows(path)).fault


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "rows.jsonl")
    assert "no regular file" in refusal(tmp_path / "rows.jsonl")


def test_a_name_cannot_forge_a_line_of_the_log(tmp_path):
    message = refusal(written(tmp_path, "rows\n2026 gate PASSED\x1b[31m.exe", b""))
    assert "\n" not in message
    assert "\x1b" not in message


def test_csv_reads_quoted_cells_of_several_lines(tmp_path):
    path = written(tmp_path, "rows.csv", b'prompt,chosen,rejected,margin\n"p, q","a\nb",c,1.5\n')
    assert list(read_rows(path)) == [(1, {"prompt": "p, q", "chosen": "a\nb", "rejected": "c", "margin": 1.5}, "")]


def test_what_should_be_a_number_is_one_in_csv_too(tmp_path):
    path = written(tmp_path, "rows.csv", b"prompt,votes_chosen,votes_rejected,margin\np,3,x,0.5\n")
    assert next(read_rows(path)).value == {"prompt": "p", "votes_chosen": 3.0, "votes_rejected": "x", "margin": 0.5}


@pytest.mark.parametrize(("content", "reason"), [
    (b"", "empty"), (b"prompt,prompt\na,b\n", "twice"), (ROW, "JSON"), (b"prompt;chosen\na;b\n", "comma"),
    (b'prompt,chosen\n"a,b\n', "is not CSV"), (b"prompt,chosen\na,\xff\n", "not UTF-8"),
])
def test_csv_that_cannot_be_told_apart_is_refused(tmp_path, content, reason):
    assert reason in refusal(written(tmp_path, "rows.csv", content))


@pytest.mark.parametrize(("quote", "cell"), [(b"", b'"a\n",'), (b'"', b"a, b\n")], ids=["cells", "one open quote"])
def test_a_csv_record_without_an_end_is_refused_before_it_fills_the_memory(tmp_path, quote, cell):
    content = quote + cell * (LINE_BYTES_AT_MOST // len(cell) + 1)
    path = written(tmp_path, "rows.csv", b"prompt,chosen\np,c\n" + content * 2)
    assert f"line {content.count(bytes([10])) + 2}: a record is too long" in refusal(path)


def test_a_csv_record_of_another_width_is_refused_alone(tmp_path):
    path = written(tmp_path, "rows.csv", b"prompt,chosen\na,b\na,b,c\na,b\n")
    assert faults(path) == {2: "has 3 cells, the header has 2"}


def test_parquet_rows_come_as_they_are(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [{"prompt": "p", "history": [["q", "a"]], "margin": 0.5}, {"prompt": "r", "history": [], "margin": None}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "rows.parquet")
    assert [row.value for row in read_rows(tmp_path / "rows.parquet")] == rows


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + b"\x00" * 100 + b"PAR1", ROW])
def test_a_damaged_parquet_is_refused(tmp_path, content):
    assert "not Parquet, or is damaged" in refusal(written(tmp_path, "rows.parquet", content))


def test_a_text_that_parquet_repeats_a_million_times_is_not_unpacked(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    one = pa.DictionaryArray.from_arrays(pa.array([0] * 200_000, pa.int32()), pa.array(["x" * (17 << 20)]))
    pq.write_table(pa.table({"text": one}), tmp_path / "rows.parquet", compression="zstd")
    assert "too long" in refusal(tmp_path / "rows.parquet")


def test_the_table_has_these_formats_and_no_other():
    packed = {ending + packing for ending in (".jsonl", ".ndjson", ".csv", ".txt") for packing in ("", ".gz", ".zst")}
    assert set(FORMATS) == {*packed, ".parquet"}


def test_each_line_of_a_text_file_is_a_text(tmp_path):
    path = written(tmp_path, "rows.txt", "one\u2028two\r\n\n  three\tfour \n".encode())
    assert list(read_rows(path)) == [(1, {"text": "one\u2028two"}, ""), (3, {"text": "  three\tfour "}, "")]


@pytest.mark.parametrize(("line", "reason"), [(b"a\x00b", "control character"), (b"a\xff", "not UTF-8: byte 2")])
def test_a_line_that_is_no_text_is_refused_alone(tmp_path, line, reason):
    found = faults(written(tmp_path, "rows.txt", b"one\n" + line + b"\ntwo"))
    assert list(found) == [2]
    assert reason in found[2]


@pytest.mark.parametrize(("name", "content", "value"), [
    ("rows.csv.gz", b"text\na\n", {"text": "a"}), ("rows.txt.gz", b"a\n", {"text": "a"}),
    ("rows.ndjson.gz", b'{"text": "a"}\n', {"text": "a"})])
def test_every_text_format_may_be_packed(tmp_path, name, content, value):
    packed = written(tmp_path, name, gzip.compress(content))
    assert [row.value for row in read_rows(packed)] == [value]
