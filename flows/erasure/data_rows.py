"""Where rows lie in data files: every line whose canonical row has an id that is asked for, whatever its format."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flows.erasure.many_patterns import Patterns
from tasks.contracts.canonical import row_id
from tasks.contracts.data_config import DataConfig, Kind
from tasks.contracts.errors import DataRefused
from tasks.data.checks.policies import forms
from tasks.data.examination import guess_kind
from tasks.data.reading.formats import is_rows, read_rows
from tasks.data.reading.raw_rows import RawRow
from tasks.data.rows.ratings import Ratings
from tasks.data.rows.refusals import RowRefused
from tasks.data.rows.schema import canonical_row

PIECE_CHARACTERS = 1 << 16
LONGEST = 1 << 30  # characters of a field: what is too long to train may be forgotten all the same


@dataclass(frozen=True)
class Read:
    """How the rows of a file are read, as params.yaml says it."""

    kind: Kind | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    good_from: float | None = None


@dataclass(frozen=True)
class Found:
    """A line that is one of the rows asked for."""

    row: str  # its id
    line: int  # as tasks.data.reading.formats counts: for tables the record, header not counted
    texts: frozenset[str]  # as the file has them, and as the canonical row has them


def how_read(config: DataConfig, relpath: str) -> Read:
    """How params.yaml reads a file of data/; from the content where it does not name the file."""
    for source in config.sources:
        if source.path == f"data/{relpath}":
            return Read(source.kind, source.columns, source.good_from)
    return Read()


def identified(path: Path, read: Read) -> Iterator[tuple[str, tuple[int, ...], frozenset[str]]]:
    """Id, lines and texts of every row of a file, and of each form that masking gives it; a broken line is none.

    A comparison of ratings has several lines.

    Raises:
        DataRefused: the file as a whole cannot be read, or its rows are of no known kind.
    """
    kind = read.kind or guess_kind(path, read.columns)
    if kind == "ratings":
        for compared in Ratings(path, read.columns).comparisons():
            yield from _canonical("preferences", Read(), compared.row, compared.lines)
        return
    for raw in read_rows(path):
        yield from _canonical(kind, read, raw, (raw.line,))


def _canonical(
    kind: Kind, read: Read, raw: RawRow, lines: tuple[int, ...]
) -> Iterator[tuple[str, tuple[int, ...], frozenset[str]]]:
    try:
        row = canonical_row(
            kind, raw.value, read.columns, LONGEST, read.good_from).row if raw.value is not None else None
    except (RowRefused, DataRefused):
        return
    if row is not None and raw.value is not None:
        for form in forms(row):
            yield row_id(form), lines, frozenset(texts_in(raw.value)) | frozenset(texts_in(row)) | frozenset(
                texts_in(form))


def find(path: Path, read: Read, is_wanted: Callable[[str], bool]) -> list[Found]:
    """The lines of a file whose row is wanted, a row that stands there twice twice. A file of no rows has none."""
    if not is_rows(path):
        return []
    return [Found(row, line, texts) for row, lines, texts in identified(path, read) if is_wanted(row)
            for line in lines]


def shared_texts(path: Path, texts: Collection[str], lines: Collection[int]) -> set[str]:
    """Of some texts those that stand in other lines of a file too: they belong to rows that nobody forgets.

    Args:
        lines: the lines of the rows to forget.
    """
    left = {text: text.encode("utf-8", "surrogatepass") for text in texts}
    wanted = Patterns(tuple(left.values()))
    for piece in _pieces_of_others(path, lines):
        if left and wanted.in_piece(piece):
            left = {text: spelled for text, spelled in left.items() if spelled not in piece}
            wanted = Patterns(tuple(left.values()))
    return set(texts) - left.keys()


def _pieces_of_others(path: Path, lines: Collection[int]) -> Iterator[bytes]:
    """The texts of the rows that stay, many at a time, nothing running over from one to the next."""
    waiting: list[str] = []
    characters = 0
    for raw in _readable(path):
        if raw.line not in lines and raw.value is not None:
            said = list(texts_in(raw.value))
            waiting += said
            characters += sum(map(len, said))
        if characters > PIECE_CHARACTERS:
            yield "\0".join(waiting).encode("utf-8", "surrogatepass")
            waiting, characters = [], 0
    yield "\0".join(waiting).encode("utf-8", "surrogatepass")


def _readable(path: Path) -> Iterator[RawRow]:
    """The rows of a file, up to where it cannot be read."""
    try:
        yield from read_rows(path) if is_rows(path) else ()
    except DataRefused:
        return


def texts_in(value: object) -> Iterator[str]:
    """Every text in a row, inner ones too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from texts_in(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from texts_in(inner)
