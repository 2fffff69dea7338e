"""From sources to checked rows: one file a kind, each row with its id and its split, and where it came from."""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tasks.contracts.canonical import file_sha256, row_id
from tasks.contracts.data_config import DataConfig, Kind, SourceConfig
from tasks.contracts.reporting import Sink
from tasks.contracts.verdicts import Verdict
from tasks.data.checks.duplicates import remember
from tasks.data.checks.known import TRAINS
from tasks.data.checks.leaks import Placed, leaks_and_warnings
from tasks.data.checks.looking import take
from tasks.data.checks.spools import Spool
from tasks.data.examination import Examination, Workplace, examine
from tasks.data.origins import ORIGINS, OriginWriter
from tasks.data.reading.in_order import Processes, in_turn
from tasks.data.reading.printable import printable_path
from tasks.data.rows.schema import Row

SCRATCH = ".scratch"
KINDS: tuple[Kind, ...] = ("demonstrations", "preferences", "labels", "prompts", "text")


@dataclass(frozen=True)
class CheckedSource:
    """One source of params.yaml and what became of it."""

    source: SourceConfig
    sha256: str | None  # of the file; null where it could not be read
    examination: Examination

    @property
    def name(self) -> str:
        """The path, for messages."""
        return printable_path(Path(self.source.path))

    @property
    def verdict(self) -> Verdict:
        """The verdict on the source alone."""
        return self.examination.verdict

    def report(self) -> dict[str, object]:
        """The source's part of report.json; no text of a row."""
        return {"path": self.name, "sha256": self.sha256, "split": self.source.split,
                "kind": self.examination.kind, **self.verdict.model_dump(mode="json"),
                "measured": self.examination.profile.report()}


def check_sources(
        config: DataConfig, folder: Path, sink: Sink, processes: Processes | None = None) -> list[CheckedSource]:
    """Examine every source and write its accepted rows to `folder`/KIND.jsonl, in the order of sources and lines.

    Where each came from is written to `folder`/origins.parquet. A row that an earlier source has too is left out. A
    refused source writes nothing. What the examinations need stays in `folder`/SCRATCH, which the caller removes.
    """
    sink.begin(len(config.sources), unit="sources")
    done: list[CheckedSource] = []
    scratch = folder / SCRATCH
    earlier = Spool(scratch, "earlier")
    with OriginWriter(folder / ORIGINS) as origins, processes or Processes(1) as workers:
        for number, source in enumerate(config.sources):
            place = Workplace(scratch / f"{number}", workers, texts=source.split, earlier=earlier)
            done.append(check_source(source, config, place))
            if done[-1].verdict.verdict == "accept":
                write_rows(done[-1].examination, folder, number, origins)
            done[-1].examination.known.forget_rows()
            remember(done[-1].examination.known, earlier)
            verdict = done[-1].verdict
            sink.step(number + 1, {"rows_read": verdict.rows_read, "rows_refused": len(verdict.rows_rejected)})
    return done


def check_source(source: SourceConfig, config: DataConfig, place: Workplace) -> CheckedSource:
    """Examine one source."""
    path = Path(source.path)
    with ThreadPoolExecutor(1) as beside:  # the file is read once from the disk for both
        digest = beside.submit(file_sha256, path) if path.is_file() else None
        examination = examine(path, source.kind, config, place, columns=source.columns, good_from=source.good_from)
        return CheckedSource(source, digest.result() if digest else None, examination)


def write_rows(examination: Examination, folder: Path, number: int, origins: OriginWriter) -> None:
    """Append the rows that train to the file of their kind, and tell where each came from.

    Args:
        number: of the source.
    """
    known = examination.known
    start = 0
    with (folder / f"{examination.kind}.jsonl").open("ab") as target, ThreadPoolExecutor(1) as beside:
        taken = in_turn(lambda number: beside.submit(take, known.folder, number), range(len(known.blocks)), ahead=1)
        for rows, block in zip(known.blocks, taken, strict=True):
            texts, annotators = block.result()
            trains = known.fates[start:start + rows] == TRAINS
            ids, lines = known.ids.read(start, start + rows), known.lines.read(start, start + rows)
            kept = np.flatnonzero(trains)
            origins.write(number, ids[kept], lines[kept], [annotators[row] for row in kept])
            for piece in _that_train(texts, known.sizes.read(start, start + rows), trains):
                target.write(piece)
            start += rows


def _that_train(texts: bytes, sizes: np.ndarray, trains: np.ndarray) -> Iterator[bytes]:
    """The lines of a block that train."""
    if trains.all():
        yield texts
        return
    ends = np.cumsum(sizes)
    for start, end in zip((ends - sizes)[trains].tolist(), ends[trains].tolist(), strict=True):
        yield texts[start:end]


def checked_row(row: Row, split: str) -> Row:
    """The row as it is written: its id is the digest of the row, its own id in the file becomes `source_id`."""
    own = {"source_id": row["id"]} if "id" in row else {}
    return {**row, **own, "id": row_id(row), "split": split}


def refusals(sources: Sequence[CheckedSource], config: DataConfig) -> tuple[list[str], list[str]]:
    """Why the sources must not train, and what to look at: refused sources, the same file twice, prompts on both sides.

    It reads what check_sources left in SCRATCH.
    """
    placed = [Placed(source.name, "test" if source.source.split == "test" else "train", source.examination)
              for source in sources]
    errors = [source.verdict.error for source in sources if source.verdict.error]
    leaked, warned = leaks_and_warnings(placed, config)
    return [*_same_files(sources), *errors, *leaked], warned


def _same_files(sources: Sequence[CheckedSource]) -> list[str]:
    counts = Counter(source.sha256 for source in sources if source.sha256)
    return [" and ".join(source.name for source in sources if source.sha256 == digest) + " are the same file"
            for digest, count in counts.items() if count > 1]


def totals(sources: Sequence[CheckedSource]) -> dict[str, int]:
    """Counts over all sources."""
    verdicts = [source.verdict for source in sources]
    return {"rows_read": sum(verdict.rows_read for verdict in verdicts),
            "rows_accepted": sum(verdict.rows_accepted for verdict in verdicts),
            "rows_refused": sum(len(verdict.rows_rejected) for verdict in verdicts),
            "warnings": sum(len(verdict.warnings) for verdict in verdicts)}
