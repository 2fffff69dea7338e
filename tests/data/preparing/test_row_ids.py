"""Row ids packed: the same ids, in their order, for a fraction of the memory."""

import hashlib
import tracemalloc

import pytest

from tasks.data.preparing.row_ids import RowIds


def ids_of(count: int) -> list[str]:
    return [hashlib.sha256(str(number).encode()).hexdigest() for number in range(count)]


def test_the_ids_come_back_as_they_went_in():
    wanted = [*ids_of(3), ids_of(1)[0]]
    ids = RowIds()
    assert not ids
    for one in wanted:
        ids.add(one)
    assert list(ids) == wanted
    assert list(ids) == wanted  # more than once
    assert len(ids) == 4
    assert wanted[1] in ids
    assert "f" * 64 not in ids


@pytest.mark.parametrize("row", ["", "ab", "f" * 63, "f" * 66, "g" * 64])
def test_what_is_no_id_is_refused(row):
    with pytest.raises(ValueError, match=r"id of|hexadecimal"):
        RowIds().add(row)


def test_an_id_takes_about_its_32_bytes():
    ids = RowIds()
    tracemalloc.start()
    for number in range(20_000):
        ids.add(f"{number:064x}")
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 40 * 20_000
