"""The verdict on a path: what `hallmark data check` says."""

import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args

from tasks.contracts.data_config import DataConfig, Kind
from tasks.contracts.verdicts import Verdict
from tasks.data.examination import Workplace, examine
from tasks.data.folders import check_folder
from tasks.data.reading.in_order import Processes
from tasks.data.reading.printable import printable_path

SPLITS = "splits"
KINDS = (*get_args(Kind), SPLITS)


def check_path(
        path: Path, kind: str | None, config: DataConfig, *, columns: Mapping[str, str] | None = None,
        good_from: float | None = None) -> Verdict:
    """Judge a file of rows, or a folder of train and test files. Bad content is an answer, never an error.

    Args:
        kind: one of KINDS; null: told from the content. A folder is always read as splits.
        columns: our field name -> the file's, for one file.
        good_from: of labels, the least number that is good, for one file.
    """
    try:
        return _check(path, kind, config, columns, good_from)
    except OSError as fault:  # a name that is too long, a folder that may not be listed
        return _refused(f"{printable_path(path)}: cannot be read: {fault.strerror or type(fault).__name__}")


def _check(path: Path, kind: str | None, config: DataConfig, columns: Mapping[str, str] | None,
           good_from: float | None) -> Verdict:
    where = printable_path(path)
    if kind is not None and kind not in KINDS:
        return _refused(f"{where}: kind {kind!r} is unknown; wanted one of {', '.join(KINDS)}")
    if not path.exists():
        return _refused(f"{where}: there is no such file or folder")
    if path.is_dir():
        return check_folder(path, config)
    if kind == SPLITS:
        return _refused(f"{where}: is one file; splits are a folder with train and test files")
    with TemporaryDirectory() as folder, Processes(len(os.sched_getaffinity(0))) as processes:
        place = Workplace(Path(folder), processes)
        return examine(
            path, kind, config, place, columns=columns, good_from=good_from).verdict  # type: ignore[arg-type]  # a kind


def _refused(error: str) -> Verdict:
    return Verdict(verdict="refuse", rows_read=0, rows_accepted=0, error=error)
