"""One file, read once from end to end: every row accepted or refused with a reason, and what was noticed."""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from tasks.contracts.data_config import DataConfig, Kind
from tasks.contracts.errors import DataRefused
from tasks.contracts.verdicts import RefusedRow, Verdict
from tasks.data.balance import Balance
from tasks.data.duplicates import DUPLICATE, Seen
from tasks.data.formats import read_rows
from tasks.data.integrity import refuse_other_bytes, refuse_other_count
from tasks.data.observations import Observations
from tasks.data.printable import line_list, printable_names, printable_path
from tasks.data.refusals import RowRefused
from tasks.data.rows import RawRow
from tasks.data.schema import SPELLINGS, Row, canonical_row, checked_kind, kind_of

GUESS_ROWS = 100
REFUSED_AT_MOST = 100_000  # then reading stops, so that memory stays bounded

Keep = Callable[[Row, int], None]


@dataclass(frozen=True)
class Examination:
    """What is known of one file. Without text: its rows and prompts are 64-bit keys."""

    path: Path
    kind: Kind | None  # null where no kind could be told
    verdict: Verdict
    prompts: Mapping[int, int] = field(default_factory=dict)  # key of same_prompt -> first line
    rows: AbstractSet[int] = frozenset()  # keys of the rows
    withdrawn: AbstractSet[int] = frozenset()  # lines that `keep` was given and that are refused all the same


def examine(
        path: Path, kind: Kind | None, config: DataConfig, *, columns: Mapping[str, str] | None = None,
        keep: Keep | None = None, others: AbstractSet[int] = frozenset()) -> Examination:
    """Read one file and judge it. Bad content is an answer here, never an error.

    Args:
        kind: what the rows are; null: told from the first rows.
        columns: our field name -> the file's.
        keep: called with each accepted canonical row and its line, in order.
        others: keys of the rows of earlier files, whose exact duplicates are left out.
    """
    reading = _Reading(config, columns or {}, keep, Seen(others))
    error = None
    try:
        refuse_other_bytes(path)
        kind = kind or guess_kind(path, columns or {})
        for raw in read_rows(path):
            reading.take(raw, kind)
        refuse_other_count(path, reading.rows_read)
    except DataRefused as refusal:
        error = refusal.message()
    except OSError as fault:
        error = f"{printable_path(path)}: cannot be read: {fault.strerror or type(fault).__name__}"
    return Examination(
        path, kind and checked_kind(kind), reading.verdict(path, error), reading.seen.prompts,
        reading.seen.rows.keys(), reading.seen.withdrawn.keys())


def guess_kind(path: Path, columns: Mapping[str, str]) -> Kind:
    """Tell the kind from the first rows that can be read. Raises DataRefused where it is none."""
    fault, names = "", frozenset[str]()
    for raw in islice(read_rows(path), GUESS_ROWS):
        if raw.value is None:
            fault = fault or raw.fault
            continue
        names = frozenset(raw.value) | {ours for ours, name in columns.items() if name in raw.value}
        kind = kind_of(names)
        if kind:
            return kind
    if not names and not fault:
        raise DataRefused("is empty: no rows", where=printable_path(path))
    wanted = "; ".join(f"{', '.join(spellings[0])} ({kind})" for kind, spellings in SPELLINGS.items())
    raise DataRefused(
        "has rows of no known schema", where=printable_path(path), wanted=wanted,
        found=f"the columns {printable_names(names)}" if names else f"lines that cannot be read, the first {fault}",
        next_step="Name the columns in params.yaml (data.sources: columns) or give the kind.")


class _Reading:
    """The state of reading one file."""

    def __init__(self, config: DataConfig, columns: Mapping[str, str], keep: Keep | None, seen: Seen) -> None:
        self._config, self._columns, self._keep, self.seen = config, columns, keep, seen
        self._observations, self._balance = Observations(), Balance()
        self._refused: list[RefusedRow] = []
        self._unknown: set[str] = set()
        self.rows_read = self._repeated = 0

    def take(self, raw: RawRow, kind: Kind) -> None:
        """Accept or refuse one row. Raises DataRefused where too many were refused to go on."""
        self.rows_read += 1
        try:
            self._accept(raw, kind)
        except RowRefused as refusal:
            self._refuse(raw.line, str(refusal))

    def _accept(self, raw: RawRow, kind: Kind) -> None:
        if raw.value is None:
            raise RowRefused(raw.fault)
        row, signs, unknown = canonical_row(kind, raw.value, self._columns, self._config.characters_at_most)
        self.seen.meet(row, raw.line, self._observations)
        if self._keep:
            self._keep(row, raw.line)
        self._unknown |= unknown
        self._balance.meet(row)
        self._observations.look_at(row, raw.line, signs)

    def _refuse(self, line: int, reason: str) -> None:
        self._refused.append(RefusedRow(line=line, reason=reason))
        if reason.startswith(DUPLICATE):
            self._repeated += 1
            self._observations.add("exact duplicate", line)
        elif len(self._refused) - self._repeated > REFUSED_AT_MOST:
            raise DataRefused(f"more than {REFUSED_AT_MOST:,} rows are refused; reading stopped at line {line}")

    def verdict(self, path: Path, error: str | None) -> Verdict:
        """Sum up; `error` is why reading broke off, null where it did not."""
        withdrawn = [RefusedRow(line=line, reason=reason) for line, reason in self.seen.withdrawn.items()]
        refused = sorted((*self._refused, *withdrawn), key=lambda row: row.line)
        error = error or self._error(path, refused)
        warnings = [*self._observations.warnings(), *self._balance.warnings()]
        if self._unknown:
            warnings.append(f"unknown extra fields are left out: {printable_names(self._unknown)}")
        return Verdict(
            verdict="refuse" if error else "accept", rows_read=self.rows_read,
            rows_accepted=self.rows_read - len(refused), rows_rejected=tuple(refused), warnings=tuple(warnings),
            error=error)

    def _error(self, path: Path, refused: list[RefusedRow]) -> str | None:
        """Why the file as a whole is refused after all of it was read."""
        where, read, most = printable_path(path), self.rows_read, self._config.refused_share_at_most
        if not read:
            return f"{where}: is empty: no rows"
        broken = [row for row in refused if not row.reason.startswith(DUPLICATE)]
        if len(broken) > most * read:
            found = f"{len(broken):,} of {read:,} rows are refused ({len(broken) / read:.1%})"
            lines = line_list([row.line for row in broken])
            return f"{where}: {found}, at most {most:.1%} may be: {lines}; line {broken[0].line}: {broken[0].reason}"
        accepted = read - len(refused)
        if accepted < self._config.minimum_rows:
            return (f"{where}: too few rows: {accepted} accepted, the minimum is {self._config.minimum_rows} "
                    "(data.minimum_rows)")
        return None
