"""What is known of all rows of one file once they were looked at: on disk, and in memory a few bytes a row."""

from pathlib import Path

import numpy as np

from tasks.data.checks.block_rows import KEYS, NO_KEY, Looked
from tasks.data.checks.columns import Column
from tasks.data.checks.shingles import NO_WORDS, PERMUTATIONS
from tasks.data.checks.spools import Spool, group_starts

TRAINS, TWIN, SHARES_ID, WITHDRAWN = range(4)  # what becomes of a row; see duplicates.py


class Known:
    """Rows are counted from 0, in the order of the file; those that were refused for themselves are not among them.

    Args:
        folder: for the time being; the caller removes it.

    Attributes:
        fates: uint8 [rows], one of TRAINS, TWIN, SHARES_ID, WITHDRAWN; what duplicates.judge found.
        keys: name of block_rows.KEYS -> which rows have which key; in `label` a row counts twice, and once more where
            its answers are swapped.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.rows = 0
        self.lines = Column(folder / "lines", np.int64)
        self.ids = Column(folder / "ids", np.uint8, 32)
        self.signs = Column(folder / "signs", np.uint64)
        self.annotators = Column(folder / "annotators", np.uint64)
        self.scripts = Column(folder / "scripts", np.uint8)
        self.sizes = Column(folder / "sizes", np.int64)
        self.minima = Column(folder / "minima", np.uint8, PERMUTATIONS)
        self.prompt_minima = Column(folder / "prompt_minima", np.uint8, PERMUTATIONS)
        self.keys = {name: Spool(folder, name) for name in KEYS}
        self.bands, self.prompt_bands = Spool(folder, "bands"), Spool(folder, "prompt_bands")
        self.blocks: list[int] = []  # rows of each
        self.fates = np.empty(0, np.uint8)

    def add(self, looked: Looked) -> None:
        """Take in the next block."""
        count = len(looked.lines)
        rows = np.arange(self.rows, self.rows + count)
        for column, values in ((self.lines, looked.lines), (self.ids, looked.ids), (self.signs, looked.signs),
                               (self.sizes, looked.sizes), (self.minima, looked.near.minima),
                               (self.annotators, looked.annotators), (self.scripts, looked.scripts),
                               (self.prompt_minima, looked.prompts.minima)):
            column.add(values)
        for name, keys in looked.keys.items():
            given = keys != NO_KEY
            numbers = 2 * rows + looked.swapped if name == "label" else rows
            self.keys[name].add(keys[given], numbers[given])
        for spool, bands in ((self.bands, looked.near.bands), (self.prompt_bands, looked.prompts.bands)):
            each = np.repeat(rows[:len(bands)], bands.shape[1])
            given = bands.ravel() != NO_WORDS
            spool.add(bands.ravel()[given], each[given])
        self.rows += count
        self.blocks.append(count)

    def met(self, rows: np.ndarray) -> np.ndarray:
        """True for rows that others were held against: all but exact duplicates and those with another's id."""
        return _were_met(self.fates[rows])

    def all_met(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        """The same of the rows start..stop, or of all: bool [rows]."""
        return _were_met(self.fates[start:stop])

    def first_prompts(self, records: np.ndarray) -> np.ndarray:
        """Of the sorted records of a partition of prompts, the first row of each prompt."""
        records = records[self.met(records["row"])]
        return records[group_starts(records["key"])]

    def forget_rows(self) -> None:
        """Remove what only the writing of the rows needs: their texts and ids."""
        for path in (*self.folder.glob("*.rows"), *self.folder.glob("*.annotators")):
            path.unlink()


def _were_met(fates: np.ndarray) -> np.ndarray:
    met: np.ndarray = (fates == TRAINS) | (fates == WITHDRAWN)
    return met
