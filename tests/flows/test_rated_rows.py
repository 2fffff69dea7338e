"""A row that two ratings make is found in both of their lines."""

from pathlib import Path

from flows.erasure.data_rows import Read, find
from tasks.contracts.canonical import row_id
from tests.data.rows_on_disk import write_rows


def test_a_comparison_of_ratings_is_every_line_that_it_is_made_of(tmp_path: Path) -> None:
    rows = [{"prompt": "p", "response": "a", "rating": 1}, {"prompt": "q", "response": "a", "rating": 1},
            {"prompt": "p", "response": "b", "rating": 2}]
    path = write_rows(tmp_path / "rows.jsonl", rows)
    wanted = row_id({"prompt": "p", "chosen": "b", "rejected": "a"})

    found = find(path, Read(), wanted.__eq__)

    assert sorted(one.line for one in found) == [1, 3]
    assert {one.row for one in found} == {wanted}
    assert all({"p", "a", "b"} <= one.texts for one in found)
    assert find(path, Read(), "0".__eq__) == []
