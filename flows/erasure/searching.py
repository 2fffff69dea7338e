"""Whether a file holds one of some byte strings, packed or not: gzip, zstd and Parquet are looked into."""

import json
import zlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from flows.erasure.many_patterns import Patterns
from tasks.contracts.errors import DataRefused
from tasks.data.reading.pieces import gzip_pieces

if TYPE_CHECKING:
    import pyarrow as pa

PIECE_BYTES = 4 << 20
WEIGHTS = ".safetensors"  # numbers, which are not searched
GZIP, ZSTD, PARQUET = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PAR1"


def holds(path: Path, patterns: Sequence[bytes]) -> bool:
    """Whether a file has one of the patterns in it. A file that only looks packed is searched as it lies."""
    if not patterns or not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(4)
    ready = _ready(tuple(patterns))
    return _in(_plain(path), ready) or _in(_unpacked(path, head), ready)


@lru_cache(maxsize=2)
def _ready(patterns: tuple[bytes, ...]) -> Patterns:
    return Patterns(patterns)


def _in(pieces: Iterator[bytes], patterns: Patterns) -> bool:
    overlap, before = patterns.longest - 1, b""
    for piece in pieces:
        piece = before + piece
        if patterns.in_piece(piece):
            return True
        before = piece[-overlap:] if overlap else b""
    return False


def _plain(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield piece


def _unpacked(path: Path, head: bytes) -> Iterator[bytes]:
    if head.startswith(GZIP):
        yield from _until_damaged(gzip_pieces(path))
    elif head.startswith(ZSTD):
        yield from _unzstd(path)
    elif head.startswith(PARQUET):
        yield from _cells(path)


def _until_damaged(pieces: Iterator[bytes]) -> Iterator[bytes]:
    try:
        yield from pieces
    except (DataRefused, zlib.error):  # what came before the damage has been searched
        return


def _unzstd(path: Path) -> Iterator[bytes]:
    import zstandard

    try:
        with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(
                file, read_across_frames=True) as reader:
            while piece := reader.read(PIECE_BYTES):
                yield piece
    except zstandard.ZstdError:
        return


def _cells(path: Path) -> Iterator[bytes]:
    """The texts of a Parquet file, a batch of rows at a time; bytes, such as ids, are no text."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        for batch in pq.ParquetFile(path).iter_batches(batch_size=1024):
            yield _said(batch)
    except (pa.ArrowException, OSError, ValueError):
        return


def _said(batch: "pa.RecordBatch") -> bytes:
    return json.dumps(batch.to_pylist(), ensure_ascii=False, default=lambda _: "").encode("utf-8", "surrogatepass")
