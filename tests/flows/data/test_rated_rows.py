"""A row that two ratings make is found in both of their lines, one that a rating alone makes in its own."""

import json
from pathlib import Path

import pytest

from flows.erasure.data_rows import Read, find, how_read
from flows.lineage.given import id_of_json, id_of_line
from tasks.contracts.canonical import row_id
from tasks.contracts.config import load_params
from tasks.contracts.yaml_text import read_yaml
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


@pytest.fixture
def rated(tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with a file of stars that is read as labels."""
    settings = read_yaml((repository / "params.yaml").read_text(encoding="utf-8"))
    settings["data"]["sources"] = [{"path": "data/stars.jsonl", "kind": "labels", "good_from": 4.0,
                                    "columns": {"label": "stars"}}]
    monkeypatch.chdir(tmp_path)
    write_rows(tmp_path / "data/stars.jsonl", [
        {"prompt": "p", "response": "a", "stars": 3}, {"prompt": "p", "response": "b", "stars": 4}])
    Path("params.yaml").write_text(json.dumps(settings), encoding="utf-8")
    return tmp_path / "data/stars.jsonl"


def test_a_rating_that_is_a_label_is_found_by_the_bound_of_its_source(rated: Path) -> None:
    read = how_read(load_params().data, "stars.jsonl")
    good, bad = (row_id({"prompt": "p", "response": answer, "label": label})
                 for answer, label in (("b", "good"), ("a", "bad")))

    assert [one.line for one in find(rated, read, good.__eq__)] == [2]
    assert [one.line for one in find(rated, read, bad.__eq__)] == [1]
    assert [id_of_line(rated, line) for line in (1, 2)] == [bad, good]
    assert find(rated, Read(read.kind, read.columns), good.__eq__) == []  # without the bound it is no row


def test_a_label_in_words_is_told_from_a_demonstration_when_it_is_given_by_its_text(rated: Path) -> None:
    label = {"prompt": "p", "response": "b", "label": "good"}

    assert id_of_json(json.dumps(label | {"label": "thumbs up"}).encode()) == row_id(label)
    assert id_of_json(json.dumps(label | {"label": "greeting"}).encode()) == row_id({"prompt": "p", "response": "b"})
