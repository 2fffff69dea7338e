"""Files of rows, read as a stream: one raw row at a time, or the reason why a line is none.

FORMATS is the table of what can be read, by the end of the file's name; everything else is refused by name.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from tasks.contracts.errors import DataRefused
from tasks.data.reading.parquet_tables import parquet_rows
from tasks.data.reading.pieces import begins_with_mark, gzip_pieces, lines, plain_pieces, without_mark
from tasks.data.reading.plain_text import text_rows
from tasks.data.reading.printable import printable_path
from tasks.data.reading.raw_rows import RawRow, Reader
from tasks.data.reading.strict_json import NotJson, parse, parse_object
from tasks.data.reading.tables import csv_rows
from tasks.data.reading.zstd_pieces import zstd_pieces

Pieces = Callable[[Path], Iterator[bytes]]  # of a file: its bytes, unpacked


def read_rows(path: Path) -> Iterator[RawRow]:
    """Yield every row of a file in order. Empty lines of JSON Lines are no rows.

    Raises:
        DataRefused: the file as a whole cannot be read: missing, of an unknown format, truncated, damaged,
            an archive, in another encoding, or built to exhaust memory.
    """
    try:
        yield from _reader(path)(path)
    except OSError as error:
        raise DataRefused(f"cannot be read: {error.strerror or type(error).__name__}",
                          where=printable_path(path)) from None


def is_rows(path: Path) -> bool:
    """True if the name is one of a format that can be read."""
    return any(path.name.lower().endswith(ending) for ending in FORMATS)


def has_byte_order_mark(path: Path) -> bool:
    """Whether one stands before the first row; readers leave it out. Raises DataRefused as read_rows does."""
    pieces = next((pieces for ending, pieces in _MARKED.items() if path.name.lower().endswith(ending)), None)
    return pieces is not None and begins_with_mark(pieces(path))


def _reader(path: Path) -> Reader:
    name = path.name.lower()
    for ending, reader in FORMATS.items():
        if name.endswith(ending):
            return reader
    kind = next((what for ending, what in _REFUSED.items() if name.endswith(ending)), "")
    raise DataRefused(
        "is of an unsupported format", where=printable_path(path), wanted=", ".join(FORMATS),
        found=kind or "another ending", next_step="Archives are not unpacked here." if "archive" in kind else "")


# --- JSON Lines ---


def json_rows(path: Path, pieces: Iterator[bytes]) -> Iterator[RawRow]:
    """Yield the rows of JSON Lines; lines end in \\n or \\r\\n. The last row comes only if the pieces are whole."""
    first = True
    for number, line in lines(path, pieces):
        if first and line.strip():
            refuse_array(path, line)
            first = False
        if line:
            yield from rows_of_lines(number, line)


def rows_of_lines(first: int, block: bytes) -> Iterator[RawRow]:
    """Yield the rows of whole lines of JSON Lines, of which the first has the number `first`."""
    for number, line in enumerate(block.split(b"\n"), first):
        line = line.removesuffix(b"\r")
        if not line.strip():
            continue
        try:
            yield RawRow(number, parse_object(line), "")
        except NotJson as fault:
            yield RawRow(number, None, str(fault))


def refuse_array(path: Path, line: bytes) -> None:
    """Raise DataRefused where the first line is an array over many lines or one of objects, which is no JSON Lines."""
    line = line.removesuffix(b"\r")
    if not line.lstrip().startswith(b"["):
        return
    try:
        value = parse(line)
    except NotJson:
        array = line.strip() == b"[" or line.lstrip().startswith(b"[{")
    else:
        array = isinstance(value, list) and any(isinstance(item, dict) for item in value)
    if array:
        raise DataRefused("is one JSON array, not JSON Lines", where=printable_path(path), wanted="one object a line",
                          next_step="Convert it: jq -c '.[]' FILE > FILE.jsonl")


# --- the table ---


def _unmarked(pieces: Pieces) -> Pieces:
    return lambda path: without_mark(pieces(path))


def _read_with(rows: Callable[[Path, Iterator[bytes]], Iterator[RawRow]], pieces: Pieces) -> Reader:
    return lambda path: rows(path, pieces(path))


_PACKINGS: dict[str, Pieces] = {"": plain_pieces, ".gz": gzip_pieces, ".zst": zstd_pieces}
_ROWS = {".jsonl": json_rows, ".ndjson": json_rows, ".csv": csv_rows, ".txt": text_rows}
_MARKED = {ending + packing: pieces for ending in _ROWS for packing, pieces in _PACKINGS.items()}
_TEXT = {ending: _unmarked(pieces) for ending, pieces in _MARKED.items()}

# JSON Lines -> the bytes that a file holds: they can be divided between lines, and read by several processes
JSON_LINES = {ending: pieces for ending, pieces in _TEXT.items() if ending.startswith((".jsonl", ".ndjson"))}

FORMATS: dict[str, Reader] = {
    ending + packing: _read_with(rows, _TEXT[ending + packing])
    for ending, rows in _ROWS.items() for packing in _PACKINGS} | {".parquet": parquet_rows}

_REFUSED = {
    ".tar.gz": "an archive (tar)", ".tgz": "an archive (tar)", ".tar": "an archive (tar)", ".zip": "an archive (zip)",
    ".7z": "an archive (7z)", ".rar": "an archive (rar)", ".tar.xz": "an archive (tar)", ".tar.bz2": "an archive (tar)",
    ".tar.zst": "an archive (tar)", ".tsv": "tsv: tab-separated text", ".xlsx": "a spreadsheet",
    ".xls": "a spreadsheet", ".json": "JSON that is not JSON Lines; rename it if it has one object a line",
    ".pkl": "a pickle, which could run code", ".pickle": "a pickle, which could run code",
    ".pt": "a pickle, which could run code", ".bin": "binary", ".npy": "a NumPy array", ".npz": "NumPy arrays",
    ".arrow": "Arrow", ".feather": "Arrow", ".zst": "zstd of what?", ".bz2": "bzip2", ".xz": "xz",
    ".gz": "gzip of what?", ".db": "a database", ".sqlite": "a database",
    ".md": "plain text; lines that should train are named .txt"}
