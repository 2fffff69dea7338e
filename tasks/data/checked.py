"""From sources to checked rows: one file a kind, each row with its id and its split, and where it came from."""

import shutil
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tasks.contracts.canonical import canonical_json, file_sha256, row_id
from tasks.contracts.data_config import DataConfig, Kind, SourceConfig
from tasks.contracts.reporting import Sink
from tasks.contracts.verdicts import Verdict
from tasks.data.examination import Examination, examine
from tasks.data.leaks import Placed, leaks
from tasks.data.origins import ORIGINS, OriginSpool, OriginWriter
from tasks.data.printable import printable_path
from tasks.data.schema import Row

KINDS: tuple[Kind, ...] = ("demonstrations", "preferences", "prompts", "text")


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
                "kind": self.examination.kind, **self.verdict.model_dump(mode="json")}


def check_sources(config: DataConfig, folder: Path, sink: Sink) -> list[CheckedSource]:
    """Examine every source and write its accepted rows to `folder`/KIND.jsonl, in the order of sources and lines.

    Where each came from is written to `folder`/origins.parquet. A row that an earlier source has too is left out. A
    refused source writes nothing.
    """
    sink.begin(len(config.sources), unit="sources")
    done: list[CheckedSource] = []
    rows: set[int] = set()
    with OriginWriter(folder / ORIGINS) as origins:
        for number, source in enumerate(config.sources):
            with OriginSpool(folder / ".origins") as told:
                done.append(check_source(source, config, folder, rows, told))
                if done[-1].verdict.verdict == "accept":
                    origins.write(number, told.rows(without=done[-1].examination.withdrawn))
            rows |= done[-1].examination.rows
            verdict = done[-1].verdict
            sink.step(number + 1, {"rows_read": verdict.rows_read, "rows_refused": len(verdict.rows_rejected)})
    return done


def check_source(
        source: SourceConfig, config: DataConfig, folder: Path, others: set[int], told: OriginSpool) -> CheckedSource:
    """Examine one source; append its accepted rows to the file of its kind, and tell where each came from."""
    path = Path(source.path)
    spool = folder / ".spool"
    lines: list[int] = []
    with spool.open("wb") as file:

        def keep(row: Row, line: int) -> None:
            checked = checked_row(row, source.split)
            file.write(canonical_json(checked) + b"\n")
            lines.append(line)
            told.note(str(checked["id"]), line, str(row["annotator"]) if "annotator" in row else None)

        examination = examine(path, source.kind, config, columns=source.columns, keep=keep, others=others)
    if examination.verdict.verdict == "accept" and examination.kind:
        _append(spool, folder / f"{examination.kind}.jsonl", lines, examination)
    spool.unlink()
    return CheckedSource(source, file_sha256(path) if path.is_file() else None, examination)


def checked_row(row: Row, split: str) -> Row:
    """The row as it is written: its id is the digest of the row, its own id in the file becomes `source_id`."""
    own = {"source_id": row["id"]} if "id" in row else {}
    return {**row, **own, "id": row_id(row), "split": split}


def _append(spool: Path, target: Path, lines: Sequence[int], examination: Examination) -> None:
    with ExitStack() as files:
        source: BinaryIO = files.enter_context(spool.open("rb"))
        sink: BinaryIO = files.enter_context(target.open("ab"))
        if not examination.withdrawn:
            shutil.copyfileobj(source, sink)
            return
        for number, text in zip(lines, source, strict=True):
            if number not in examination.withdrawn:
                sink.write(text)


def refusals(sources: Sequence[CheckedSource]) -> list[str]:
    """Why the sources must not train: each refused source, the same file twice, a prompt on both sides."""
    placed = [Placed(source.name, "test" if source.source.split == "test" else "train", source.examination)
              for source in sources]
    errors = [source.verdict.error for source in sources if source.verdict.error]
    return [*_same_files(sources), *errors, *leaks(placed)]


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
