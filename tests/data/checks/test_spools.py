"""Keys on disk: what memory could not hold gives the same answers as what it can."""

import numpy as np
import pytest

from tasks.data.checks import columns, spools
from tasks.data.checks.columns import Column
from tasks.data.checks.spools import Spool, group_numbers, group_starts, side_by_side

CHANCE = np.random.default_rng(3)
KEYS = CHANCE.integers(0, 2**64, 500, dtype=np.uint64)
MANY = KEYS[CHANCE.integers(0, 500, 3000)]


@pytest.fixture(params=[1 << 18, 256], ids=["in memory", "on disk"])
def spool(request, monkeypatch, tmp_path):
    monkeypatch.setattr(spools, "BUFFER_RECORDS", request.param)
    spool = Spool(tmp_path, "keys")
    for start in range(0, 3000, 100):
        spool.add(MANY[start:start + 100], np.arange(start, start + 100))
    assert spool.spilled == (request.param == 256)
    return spool


def test_equal_keys_come_together_and_their_rows_keep_their_order(spool):
    found: dict[int, list[int]] = {}
    for records in spool.partitions():
        for key, row in records.tolist():
            found.setdefault(key, []).append(row)
    wanted: dict[int, list[int]] = {}
    for row, key in enumerate(MANY.tolist()):
        wanted.setdefault(key, []).append(row)
    assert found == wanted
    assert len(spool) == 3000


def test_two_spools_meet_wherever_each_of_them_lies(spool, tmp_path):
    (tmp_path / "other").mkdir()
    other = Spool(tmp_path / "other", "keys")
    other.add(KEYS[:50], np.arange(50))
    shared = {key for ours, theirs in side_by_side(spool, other) for key in set(ours["key"]) & set(theirs["key"])}
    assert shared == set(MANY) & set(KEYS[:50])


def test_groups_of_equal_keys_are_numbered():
    starts = group_starts(np.array([3, 3, 5, 7, 7, 7], np.uint64))
    assert starts.tolist() == [True, False, True, True, False, False]
    assert group_numbers(starts).tolist() == [0, 0, 1, 2, 2, 2]
    assert group_starts(np.empty(0, np.uint64)).tolist() == []


@pytest.mark.parametrize("buffer_bytes", [1 << 18, 64], ids=["in memory", "on disk"])
def test_a_column_is_read_whole_in_part_and_by_row(monkeypatch, tmp_path, buffer_bytes):
    monkeypatch.setattr(columns, "BUFFER_BYTES", buffer_bytes)
    monkeypatch.setattr(columns, "READ_ROWS", 30)
    values = CHANCE.integers(0, 255, (100, 8), dtype=np.uint8)
    column = Column(tmp_path / "column", np.uint8, 8)
    for start in range(0, 100, 7):
        column.add(values[start:start + 7])
    assert (tmp_path / "column").exists() == (buffer_bytes == 64)
    assert len(column) == 100
    assert (column.read() == values).all()
    assert (column.read(13, 29) == values[13:29]).all()
    assert (column.rows(np.array([99, 0, 13])) == values[[99, 0, 13]]).all()
    assert (np.concatenate(list(column.pieces())) == values).all()


def test_an_empty_column_and_an_empty_spool_have_nothing(tmp_path):
    assert Column(tmp_path / "column", np.uint8, 8).read().shape == (0, 8)
    assert [len(records) for records in Spool(tmp_path, "keys").partitions()] == [0]
