"""A folder with training and held-out files: each file's verdict, and what they must not share."""

import os
import re
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory

from tasks.contracts.canonical import file_sha256
from tasks.contracts.data_config import DataConfig
from tasks.contracts.errors import DataRefused
from tasks.contracts.verdicts import Verdict
from tasks.data.checks.leaks import Placed, Side, leaks_and_warnings
from tasks.data.examination import Workplace, examine
from tasks.data.reading.in_order import Processes
from tasks.data.reading.integrity import MANIFEST, refuse_missing_files
from tasks.data.reading.printable import printable_path

FILES_AT_MOST = 1000
_SIDE_WORDS: dict[Side, set[str]] = {
    "test": {"test", "heldout", "held", "eval", "evaluation"}, "validation": {"dev", "valid", "validation", "val"}}
_NOT_DATA = (".dvc", ".md", ".gitignore")
_NOT_DATA_STEMS = {"readme", "license", "licence", "notice"}


def check_folder(folder: Path, config: DataConfig) -> Verdict:
    """Judge all data files of a folder, its subfolders left out.

    Refused as a whole: a prompt on two sides, the same file twice, a checksum that does not hold, or any single
    file that is refused. A file's side is what a word of its name says: test, eval or heldout, valid or dev; every
    other file is for training.
    """
    try:
        refuse_missing_files(folder)
        paths = data_files(folder)
    except DataRefused as refusal:
        return Verdict(verdict="refuse", rows_read=0, rows_accepted=0, error=refusal.message())
    with TemporaryDirectory() as scratch, Processes(len(os.sched_getaffinity(0))) as processes:
        places = [Workplace(Path(scratch) / str(number), processes) for number in range(len(paths))]
        placed = [Placed(printable_path(Path(path.name)), side_of(path), examine(path, None, config, place))
                  for path, place in zip(paths, places, strict=True)]
        refused, warned = leaks_and_warnings(placed, config)
    errors = [*same_files(paths), *refused,
              *(file.examination.verdict.error for file in placed if file.examination.verdict.error)]
    return _summed(placed, errors, warned)


def data_files(folder: Path) -> list[Path]:
    """The files of a folder that should hold rows, by name. Raises DataRefused where there is none."""
    paths = sorted(path for path in folder.iterdir() if not path.is_dir() and not _is_beside_data(path))
    if not paths or len(paths) > FILES_AT_MOST:
        raise DataRefused("is no folder of splits", where=printable_path(folder), found=f"{len(paths)} data files",
                          wanted="files such as train.jsonl and test.jsonl")
    return paths


def side_of(path: Path) -> Side:
    """The side that a file's name speaks of; training where it speaks of none."""
    words = re.split(r"[^a-z]+", path.name.lower())
    return next((side for side, known in _SIDE_WORDS.items() if not known.isdisjoint(words)), "train")


def same_files(paths: Sequence[Path]) -> list[str]:
    """One sentence for each two files with the same bytes."""
    digests = [(path, file_sha256(path)) for path in paths if path.is_file()]
    return [f"{printable_path(Path(one.name))} and {printable_path(Path(other.name))} are the same file "
            f"(identical sha256 {digest[:12]}…)"
            for (one, digest), (other, again) in combinations(digests, 2) if digest == again]


def _is_beside_data(path: Path) -> bool:
    return (path.name == MANIFEST or path.name.startswith(".") or path.name.endswith(_NOT_DATA)
            or path.name.lower().split(".")[0] in _NOT_DATA_STEMS)


def _summed(placed: Sequence[Placed], errors: Sequence[str], warned: Sequence[str]) -> Verdict:
    """One verdict over all files; rows and warnings name their file."""
    verdicts = [(file.name, file.examination.verdict) for file in placed]
    return Verdict(
        verdict="refuse" if errors else "accept",
        rows_read=sum(verdict.rows_read for _, verdict in verdicts),
        rows_accepted=sum(verdict.rows_accepted for _, verdict in verdicts),
        rows_rejected=tuple(row.model_copy(update={"reason": f"{name}: {row.reason}"})
                            for name, verdict in verdicts for row in verdict.rows_rejected),
        warnings=(*(f"{name}: {warning}" for name, verdict in verdicts for warning in verdict.warnings), *warned),
        error="; ".join(errors) or None)
