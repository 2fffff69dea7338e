"""One file, read from end to end: every row accepted or refused with a reason, and what was noticed.

Blocks of rows are looked at by several processes; what spans blocks is found on disk. So memory does not grow with the
file, but for a few bytes a row, and for what the verdict names.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np

from tasks.contracts.data_config import DataConfig, Kind, Split
from tasks.contracts.errors import DataRefused
from tasks.contracts.verdicts import RefusedRow, Verdict
from tasks.data.checks.balance import Balance
from tasks.data.checks.block_rows import note_names
from tasks.data.checks.duplicates import DUPLICATE, judge, most_repeated_answer, notice
from tasks.data.checks.known import Known
from tasks.data.checks.looking import Asked, looking
from tasks.data.checks.markers import Markers
from tasks.data.checks.observations import LABELLED_BAD, LABELLED_GOOD, LONGER, SHORTER, Observations
from tasks.data.checks.policies import Policies
from tasks.data.checks.profile import Profile, profile
from tasks.data.checks.similar import similar_rows
from tasks.data.checks.spools import Spool
from tasks.data.reading.blocks import Blocks
from tasks.data.reading.formats import has_byte_order_mark, read_rows
from tasks.data.reading.in_order import Processes
from tasks.data.reading.integrity import refuse_other_bytes, refuse_other_count
from tasks.data.reading.printable import line_list, printable_names, printable_path
from tasks.data.rows.ratings import Ratings
from tasks.data.rows.schema import SPELLINGS, checked_kind, kind_of_row

GUESS_ROWS = 100
REFUSED_AT_MOST = 100_000  # then reading stops, so that memory stays bounded
REPEATED_AT_MOST = 1_000_000  # rows that a verdict may name because of other rows, for the same reason
SMALL_BYTES = 4 << 20  # such a file is read here: to start processes would take longer


@dataclass(frozen=True)
class Examination:
    """What is known of one file: without text, but for the checked rows if they were asked for."""

    path: Path
    kind: Kind | None  # null where no kind could be told
    verdict: Verdict
    known: Known
    profile: Profile


@dataclass(frozen=True)
class Workplace:
    """Where and by whom a file is examined.

    Args:
        folder: for what does not stay in memory; the caller removes it when the examination is no longer needed.
        texts: with the source's split, its checked rows are written into the folder.
        earlier: the rows of files read before, whose exact duplicates are left out.
    """

    folder: Path
    processes: Processes
    texts: Split | None = None
    earlier: Spool | None = None


def examine(
        path: Path, kind: Kind | None, config: DataConfig, place: Workplace, *,
        columns: Mapping[str, str] | None = None, good_from: float | None = None) -> Examination:
    """Read one file and judge it. Bad content is an answer here, never an error.

    Args:
        kind: what the rows are; null: told from the first rows.
        columns: our field name -> the file's.
        good_from: of labels, the least number that is good.
    """
    reading = _Reading(config, place)
    error = None
    try:
        refuse_other_bytes(path)
        kind = kind or guess_kind(path, columns or {})
        reading.read(path, Asked(
            kind, columns or {}, config.characters_at_most, place.folder if place.texts else None,
            place.texts or "auto", Policies.of(config), good_from))
        if kind != "ratings":
            refuse_other_count(path, reading.rows_read)
    except DataRefused as refusal:
        error = refusal.message()
    except OSError as fault:
        error = f"{printable_path(path)}: cannot be read: {fault.strerror or type(fault).__name__}"
    return Examination(path, kind and checked_kind(kind), *reading.judged(path, error))


def guess_kind(path: Path, columns: Mapping[str, str]) -> Kind:
    """Tell the kind from the first rows that can be read. Raises DataRefused where it is none."""
    fault, names = "", frozenset[str]()
    for raw in islice(read_rows(path), GUESS_ROWS):
        if raw.value is None:
            fault = fault or raw.fault
            continue
        names = frozenset(raw.value) | {ours for ours, name in columns.items() if name in raw.value}
        kind = kind_of_row(raw.value, columns)
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

    def __init__(self, config: DataConfig, place: Workplace) -> None:
        self._config, self._place = config, place
        self._refused: list[tuple[int, str]] = []
        self._unknown: set[str] = set()
        self.known = Known(place.folder)
        self.rows_read = 0
        self._left_out: list[str] = []
        self._contradiction = "contradiction"
        self._markers = Markers()

    def read(self, path: Path, asked: Asked) -> None:
        """Look at all rows. Raises DataRefused where the file cannot be read on, or too many rows were refused."""
        ratings = Ratings(path, asked.columns) if asked.kind == "ratings" else None
        blocks = Blocks(path, ratings.rows if ratings else None)
        asked = replace(asked, kind="preferences", columns={}) if ratings else asked
        self._contradiction = "other label" if asked.kind == "labels" else "contradiction"
        small = path.stat().st_size <= SMALL_BYTES
        for looked in self._place.processes.map(looking(asked), blocks, alone=small):
            self.known.add(looked)
            self._markers.add(*looked.words)
            self.rows_read += looked.rows_read
            note_names(self._unknown, looked.unknown)
            self._refused += looked.refused
            if len(self._refused) > REFUSED_AT_MOST:
                raise DataRefused(f"more than {REFUSED_AT_MOST:,} rows are refused; reading stopped at line "
                                  f"{self._refused[REFUSED_AT_MOST][0]}", where=printable_path(path))
            if looked.refusal:
                raise DataRefused(looked.refusal)
        if blocks.refusal:
            raise DataRefused(blocks.refusal)
        if ratings and ratings.warning():
            self._left_out.append(ratings.warning())
        if has_byte_order_mark(path):
            self._left_out.append("a byte order mark (BOM) before the first row is left out")

    def judged(self, path: Path, error: str | None) -> tuple[Verdict, Known, Profile]:
        """Sum up; `error` is why reading broke off, null where it did not."""
        earlier = self._place.earlier or Spool(self._place.folder, "no_earlier")
        repeated = list(islice(judge(self.known, earlier), REPEATED_AT_MOST + 1))
        if len(repeated) > REPEATED_AT_MOST:
            error = error or (f"{printable_path(path)}: more than {REPEATED_AT_MOST:,} rows repeat another row or its "
                              "id; leave them out first")
        self._refused += repeated
        refused = tuple(RefusedRow(line=line, reason=reason) for line, reason in sorted(self._refused))
        error = error or self._error(path, refused)
        told = profile(self.known, self._markers, self._balance())
        warnings = [*self._observed(refused).warnings(), *told.warnings()]
        warnings += self._left_out
        if self._unknown:
            warnings.append(f"unknown extra fields are left out: {printable_names(self._unknown)}")
        verdict = Verdict(
            verdict="refuse" if error else "accept", rows_read=self.rows_read,
            rows_accepted=self.rows_read - len(refused), rows_rejected=refused, warnings=tuple(warnings), error=error)
        return verdict, self.known, told

    def _observed(self, refused: tuple[RefusedRow, ...]) -> Observations:
        observations = Observations()
        twins = [row.line for row in refused if row.reason.startswith(DUPLICATE)]
        observations.add("exact duplicate", np.array(twins, np.int64))
        near = notice(self.known, observations, contradiction=self._contradiction)
        similar = similar_rows(self.known, self._config.near_duplicate_similarity, without=near)
        observations.add("similar", self.known.lines.rows(similar))
        for start, bits, lines in self._shown():
            met = self.known.all_met(start, start + len(bits))
            observations.add_bits(bits[met], lines[met])
        return observations

    def _balance(self) -> Balance:
        counts = dict.fromkeys((LONGER, SHORTER, LABELLED_GOOD, LABELLED_BAD), 0)
        for start, bits, _ in self._shown():
            bits = bits[self.known.all_met(start, start + len(bits))]
            for bit in counts:
                counts[bit] += int(np.count_nonzero(bits & np.uint64(bit)))
        return Balance(*most_repeated_answer(self.known), *counts.values())

    def _shown(self) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """The signs and lines of all rows, some at a time, with the number of the first."""
        start = 0
        for bits, lines in zip(self.known.signs.pieces(), self.known.lines.pieces(), strict=True):
            yield start, bits, lines
            start += len(bits)

    def _error(self, path: Path, refused: tuple[RefusedRow, ...]) -> str | None:
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
