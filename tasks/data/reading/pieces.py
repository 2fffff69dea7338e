"""The bytes of a file, plain or packed, as lines. Memory stays bounded whatever the file holds."""

import stat
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from tasks.contracts.errors import DataRefused
from tasks.data.reading.printable import printable_path

PIECE_BYTES = 1 << 20
LINE_BYTES_AT_MOST = 16 << 20
FED_BYTES = 1 << 16  # packed bytes given to zlib at once; it copies what it leaves, for each member of a file again
RATIO_AT_MOST = 300  # text of people packs 3 to 10 times; gzip's own limit is 1032
RATIO_FREE_BYTES = 64 << 20  # below this size no ratio is suspicious

_SIGNATURES = (
    (0, b"\x1f\x8b", "gzip"), (0, b"PK\x03\x04", "a zip archive"), (0, b"PK\x05\x06", "a zip archive"),
    (0, b"PAR1", "Parquet"), (0, b"\x28\xb5\x2f\xfd", "zstd"), (0, b"BZh", "bzip2"), (0, b"\xfd7zXZ\x00", "xz"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive"), (0, b"Rar!\x1a\x07", "a rar archive"), (257, b"ustar", "a tar archive"),
    (0, b"\x80\x02", "a pickle"), (0, b"\x80\x03", "a pickle"), (0, b"\x80\x04", "a pickle"),
    (0, b"\x80\x05", "a pickle"), (0, b"\x93NUMPY", "a NumPy array"), (0, b"ARROW1", "Arrow"), (0, b"Obj\x01", "Avro"),
    (0, b"SQLite format 3\x00", "an SQLite database"), (0, b"%PDF-", "PDF"), (0, b"\x89HDF", "HDF5"),
    (0, b"\xff\xfe\x00\x00", "UTF-32 text"), (0, b"\x00\x00\xfe\xff", "UTF-32 text"),
    (0, b"\xff\xfe", "UTF-16 text"), (0, b"\xfe\xff", "UTF-16 text"),
    (0, b"<!DOCTYPE", "a web page"), (0, b"<!doctype", "a web page"), (0, b"<html", "a web page"), (0, b"<?xml", "XML"),
    (0, b"version https://git-lfs.github.com/spec/", "a pointer of Git LFS; git lfs pull fetches the file"))
MARK = b"\xef\xbb\xbf"  # U+FEFF in UTF-8: the byte order mark that some programs put before text


def plain_pieces(path: Path) -> Iterator[bytes]:
    """Yield the file's bytes. Raises DataRefused where it is no regular file or begins as another format does."""
    with open_regular(path) as file:
        piece = file.read(PIECE_BYTES)
        refuse_foreign(path, piece)
        while piece:
            yield piece
            piece = file.read(PIECE_BYTES)


def gzip_pieces(path: Path) -> Iterator[bytes]:
    """Yield what a gzip file holds, all its members.

    Raises:
        DataRefused: it is no gzip, is truncated or damaged, has other bytes after its end, unpacks to more than
            RATIO_AT_MOST times its size, or holds another format than text.
    """
    return refuse_bomb(path, "gzip", _gunzip(path))


def refuse_bomb(path: Path, packing: str, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield unpacked pieces. Raises DataRefused for what a bomb or another format than text unpacks to."""
    packed_bytes = path.stat().st_size
    unpacked_bytes = 0
    for piece in pieces:
        if not unpacked_bytes:
            refuse_foreign(path, piece)
        unpacked_bytes += len(piece)
        if unpacked_bytes > max(RATIO_FREE_BYTES, RATIO_AT_MOST * packed_bytes):
            raise DataRefused(
                f"{packing}: unpacks to too large a size", where=printable_path(path),
                wanted=f"a ratio of at most {RATIO_AT_MOST}", found=f"{packed_bytes:,} bytes that hold over "
                f"{unpacked_bytes:,}", next_step="If this is honest data, unpack it first.")
        yield piece


def _gunzip(path: Path) -> Iterator[bytes]:
    with open_regular(path) as file:
        packed = file.read(FED_BYTES)
        if not packed.startswith(b"\x1f\x8b"):
            raise DataRefused("is named as gzip and is not a gzip file", where=printable_path(path),
                              found="an empty file" if not packed else "other bytes at its start")
        while packed:
            member = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
            while not member.eof:
                if not packed:
                    raise DataRefused("gzip: truncated, an unexpected end of the file", where=printable_path(path),
                                      next_step="Fetch the file again; its rows are not used in part.")
                try:
                    yield member.decompress(packed, PIECE_BYTES)
                except zlib.error as error:
                    raise DataRefused(f"gzip: damaged ({error})", where=printable_path(path)) from None
                packed = member.unconsumed_tail or (b"" if member.eof else file.read(FED_BYTES))
            packed = member.unused_data or file.read(FED_BYTES)
            if packed and not b"\x1f\x8b".startswith(packed[:2]):
                raise DataRefused("gzip: trailing bytes after its end that are not gzip", where=printable_path(path),
                                  next_step="Pack the file anew.")


def lines(path: Path, pieces: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield (number from 1, line), split at \\n alone: U+2028 and its like are text. The \\n is not part of the line.

    Raises:
        DataRefused: a line is longer than LINE_BYTES_AT_MOST.
    """
    number, begun = 0, b""
    for piece in pieces:
        *whole, begun = (begun + piece).split(b"\n")
        for line in whole:
            number += 1
            yield number, line
        if len(begun) > LINE_BYTES_AT_MOST:
            raise DataRefused(
                f"line {number + 1} is too long", where=printable_path(path),
                wanted=f"at most {LINE_BYTES_AT_MOST:,} bytes", found=f"over {len(begun):,}")
    if begun:
        yield number + 1, begun


def without_mark(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield pieces of text without the byte order mark before it."""
    yield _head(pieces).removeprefix(MARK)
    yield from pieces


def begins_with_mark(pieces: Iterator[bytes]) -> bool:
    """Whether there is a byte order mark before the text."""
    return _head(pieces).startswith(MARK)


def _head(pieces: Iterator[bytes]) -> bytes:
    """The first pieces, as many as a byte order mark could take."""
    head = b""
    for piece in pieces:
        head += piece
        if len(head) >= len(MARK):
            break
    return head


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading bytes. A pipe or a device, which would never end, is refused."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise DataRefused("is no regular file", where=printable_path(path))
    return path.open("rb")


def refuse_foreign(path: Path, head: bytes) -> None:
    """Raise DataRefused where a file that should hold UTF-8 text begins as something else does."""
    for offset, signature, name in _SIGNATURES:
        if head.startswith(signature, offset):
            raise DataRefused("does not hold what its name says", where=printable_path(path),
                              wanted="plain UTF-8 text", found=f"unsupported: {name}")
    if b"\x00" in (head[0:1], head[1:2]) and len(head) > 1:
        raise DataRefused("has the wrong encoding", where=printable_path(path), wanted="UTF-8",
                          found="what looks like UTF-16 or UTF-32")
