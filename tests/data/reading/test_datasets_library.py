"""Data sets of the datasets library become one file; without the library the missing package is named."""

import sys
from pathlib import Path

import pytest

from tasks.contracts.errors import DataRefused, Misused, ServiceUnreachable
from tasks.data.reading.datasets_library import Place, place_of, write_dataset
from tasks.data.reading.formats import read_rows
from tests.data.rows_on_disk import preferences, write_rows

ROWS = [{"prompt": "Why?", "chosen": "So \u2028 ü.", "rejected": "No."},
        {"prompt": "p", "chosen": "a", "rejected": "b"}]


def test_a_text_names_a_hub_or_a_folder_or_neither(tmp_path):
    assert place_of("hub:a/b@v1#test") == Place("a/b", True, "v1", "test")
    assert place_of("hub:a/b") == Place("a/b", True, None, "train")
    assert place_of(f"{tmp_path}#test") == Place(str(tmp_path), False, None, "test")
    assert place_of(str(tmp_path / "rows.jsonl")) is None
    assert Place("a/b", True, None, "test").file_name == "b-test.jsonl.gz"


def test_without_the_library_the_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(Misused, match="the package datasets is not installed"):
        write_dataset(Place(str(tmp_path), False, None, "train"), tmp_path / "rows.jsonl.gz")


class TestWithTheLibrary:
    @pytest.fixture(autouse=True)
    def library(self):
        return pytest.importorskip("datasets", reason="the package datasets is not installed; it is no requirement")

    def written(self, place: str, target: Path) -> list[dict]:
        write_dataset(place_of(place), target)
        return [row.value for row in read_rows(target)]

    def test_a_folder_that_it_saved_is_read_whole_and_gives_the_same_bytes_again(self, tmp_path, library):
        library.DatasetDict({"train": library.Dataset.from_list(ROWS)}).save_to_disk(tmp_path / "saved")
        first, second = tmp_path / "1.jsonl.gz", tmp_path / "2.jsonl.gz"
        assert self.written(str(tmp_path / "saved"), first) == ROWS
        self.written(str(tmp_path / "saved"), second)
        assert first.read_bytes() == second.read_bytes()

    def test_a_folder_of_files_is_read_by_split(self, tmp_path):
        write_rows(tmp_path / "set/train.jsonl", preferences(5))
        write_rows(tmp_path / "set/test.jsonl", preferences(3, 100))
        assert len(self.written(str(tmp_path / "set"), tmp_path / "1.jsonl.gz")) == 5
        assert len(self.written(f"{tmp_path / 'set'}#test", tmp_path / "2.jsonl.gz")) == 3

    def test_a_split_that_is_not_there_is_misuse(self, tmp_path):
        write_rows(tmp_path / "set/train.jsonl", preferences(5))
        with pytest.raises(Misused, match="no such data set or split"):
            self.written(f"{tmp_path / 'set'}#other", tmp_path / "1.jsonl.gz")

    def test_what_json_cannot_hold_is_refused(self, tmp_path, library):
        library.Dataset.from_list([{"text": "a", "picture": b"x"}]).save_to_disk(tmp_path / "saved")
        with pytest.raises(DataRefused, match="row 1: holds what JSON cannot"):
            self.written(str(tmp_path / "saved"), tmp_path / "1.jsonl.gz")

    def test_a_hub_that_cannot_be_reached_is_said(self, tmp_path):
        with pytest.raises(ServiceUnreachable, match="the hub did not answer"):
            self.written("hub:nobody/nothing", tmp_path / "1.jsonl.gz")
