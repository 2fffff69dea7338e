"""zstd is read as gzip is: to its end, whole or not at all, in bounded memory."""

import sys
import tracemalloc
from pathlib import Path

import pytest
import zstandard

from tasks.contracts.errors import DataRefused
from tasks.data.reading.formats import read_rows

ROW = b'{"text": "a"}'
SKIPPED = b"\x50\x2a\x4d\x18\x05\x00\x00\x00hello"  # a skippable frame of five bytes


def packed(content: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(content)


def written(folder: Path, content: bytes, name: str = "rows.jsonl.zst") -> Path:
    (folder / name).write_bytes(content)
    return folder / name


def refusal(path: Path) -> str:
    with pytest.raises(DataRefused) as caught:
        list(read_rows(path))
    return caught.value.message()


@pytest.mark.parametrize(("name", "content"), [
    ("rows.jsonl.zst", ROW + b"\n"), ("rows.csv.zst", b"text\na\n"), ("rows.txt.zst", b"a\n")])
def test_every_text_format_may_be_packed(tmp_path, name, content):
    assert [row.value for row in read_rows(written(tmp_path, packed(content), name))] == [{"text": "a"}]


def test_several_frames_and_skipped_ones_are_read_to_the_end(tmp_path):
    path = written(tmp_path, SKIPPED + packed(ROW + b"\n") + SKIPPED + packed(b"" + ROW + b"\n"))
    assert [row.line for row in read_rows(path)] == [1, 2]


def test_more_than_is_fed_at_once_comes_whole(tmp_path):
    rows = b"".join(b'{"text": "%d"}\n' % (number * 7919 % 100_003) for number in range(20_000))
    assert sum(1 for row in read_rows(written(tmp_path, packed(rows))) if row.value) == 20_000


@pytest.mark.parametrize("cut", [5, 40, -1])
def test_a_truncated_file_is_refused_wherever_it_was_cut(tmp_path, cut):
    whole = packed(b"\n".join(b'{"text": "%d"}' % number for number in range(500)))
    assert "zstd: truncated" in refusal(written(tmp_path, whole[:cut]))


def test_a_flipped_byte_is_found(tmp_path):
    whole = bytearray(zstandard.ZstdCompressor(write_checksum=True).compress(ROW))
    whole[-1] ^= 1
    assert "zstd: damaged" in refusal(written(tmp_path, bytes(whole)))


@pytest.mark.parametrize(("content", "reason"), [
    (packed(ROW) + b"more than four", "trailing bytes"), (packed(ROW) + b"m", "trailing bytes"),
    (ROW, "not a zstd file"), (b"", "not a zstd file"), (packed(packed(ROW)), "unsupported: zstd"),
    (packed(b"x" * 257 + b"ustar"), "a tar archive"),
])
def test_what_is_no_zstd_of_text_is_refused(tmp_path, content, reason):
    assert reason in refusal(written(tmp_path, content))


def test_a_bomb_of_one_line_is_refused_in_little_memory(tmp_path):
    path = written(tmp_path, packed(b"a" * (256 << 20)))
    assert path.stat().st_size < 100_000
    tracemalloc.start()
    assert "too long" in refusal(path)
    assert tracemalloc.get_traced_memory()[1] < 120 << 20
    tracemalloc.stop()


def test_a_bomb_of_short_lines_is_refused_by_its_ratio(tmp_path):
    assert "ratio" in refusal(written(tmp_path, packed((b" " * 1023 + b"\n") * (128 << 10))))


def test_a_frame_that_wants_a_gigabyte_of_window_is_refused(tmp_path):
    wide = zstandard.ZstdCompressionParameters(window_log=30, enable_ldm=True)
    packer = zstandard.ZstdCompressor(compression_params=wide).compressobj()
    assert "too much memory" in refusal(written(tmp_path, packer.compress(ROW) + packer.flush()))


def test_without_its_library_the_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "zstandard", None)
    assert "the package zstandard is not installed" in refusal(written(tmp_path, packed(ROW)))
