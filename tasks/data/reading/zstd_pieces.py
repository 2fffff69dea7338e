"""What a zstd file holds (RFC 8878), a piece at a time, with the guards that gzip has."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tasks.contracts.errors import DataRefused
from tasks.data.reading.pieces import PIECE_BYTES, open_regular, refuse_bomb
from tasks.data.reading.printable import printable_path

FED_BYTES = 1024  # unpacked at once; a block of 128 KiB takes 4 bytes at least, so at most 32 MiB come of it
WINDOW_BYTES_AT_MOST = 128 << 20  # what the program zstd unpacks without being told to take more

_FRAME = b"\x28\xb5\x2f\xfd"
_SKIPPABLE = b"\x2a\x4d\x18"  # behind a first byte of 0x50 to 0x5f


def zstd_pieces(path: Path) -> Iterator[bytes]:
    """Yield what a zstd file holds, all its frames.

    Raises:
        DataRefused: it is no zstd, is truncated or damaged, has other bytes after its end, wants too much memory,
            unpacks to more than RATIO_AT_MOST times its size, holds another format than text, or the package zstandard
            that reads it is not installed.
    """
    return refuse_bomb(path, "zstd", _unpacked(path))


def _unpacked(path: Path) -> Iterator[bytes]:
    zstandard = _library(path)
    with open_regular(path) as file:
        fed = file.read(FED_BYTES)
        if not _begins_frame(fed):
            raise DataRefused("is named as zstd and is not a zstd file", where=printable_path(path),
                              found="an empty file" if not fed else "other bytes at its start")
        while fed:
            frame = zstandard.ZstdDecompressor(max_window_size=WINDOW_BYTES_AT_MOST).decompressobj()
            while not frame.eof:
                if not fed:
                    raise DataRefused("zstd: truncated, an unexpected end of the file", where=printable_path(path),
                                      next_step="Fetch the file again; its rows are not used in part.")
                try:
                    unpacked = frame.decompress(fed)
                except zstandard.ZstdError:
                    raise DataRefused("zstd: damaged, or wants too much memory", where=printable_path(path)) from None
                fed = b"" if frame.eof else file.read(FED_BYTES)
                for start in range(0, len(unpacked), PIECE_BYTES):
                    yield unpacked[start:start + PIECE_BYTES]
            fed = frame.unused_data or file.read(FED_BYTES)
            fed += file.read(max(0, 4 - len(fed)))  # enough to know it by
            if fed and not _begins_frame(fed):
                raise DataRefused("zstd: trailing bytes after its end that are not zstd", where=printable_path(path),
                                  next_step="Pack the file anew.")


def _begins_frame(data: bytes) -> bool:
    return data.startswith(_FRAME) or (data[1:4] == _SKIPPABLE and 0x50 <= data[0] <= 0x5F)


def _library(path: Path) -> Any:
    try:
        import zstandard
    except ImportError:
        raise DataRefused("zstd cannot be read here: the package zstandard is not installed",
                          where=printable_path(path), next_step="pip install zstandard, or unpack the file.") from None
    return zstandard
