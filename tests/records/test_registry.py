"""The model registry in a real MLflow on SQLite."""

import threading
from pathlib import Path

import pytest

from tasks.contracts.canonical import folder_digest
from tasks.contracts.errors import PromotionRefused, Refused, UnknownVersion
from tasks.records.mlflow_store import connect
from tasks.records.model_store import fetch
from tasks.records.registry import Version, by_alias, get, register, swap_alias, tag_version, versions
from tasks.records.tracking import child_run


def model(folder: Path, content: bytes) -> Path:
    (folder / "tokenizer").mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(content)
    (folder / "tokenizer" / "tokenizer.json").write_bytes(b"{}")
    return folder


def registered(name: str, tmp_path: Path, count: int = 1) -> list[Version]:
    return [register(model(tmp_path / f"{name}{number}", b"%d" % number), name, None) for number in range(count)]


def test_what_is_registered_is_fetched_byte_for_byte(mlflow_home, tmp_path):
    folder = model(tmp_path / "model", b"weights")
    with child_run("train_policy", None) as stage:
        version = register(folder, "whole", stage.run_id, {"bundle": "b0"})
    assert version == Version("whole", 1, folder_digest(folder), stage.run_id)
    assert version.tags["bundle"] == "b0"
    fetched = fetch(version)
    assert folder_digest(fetched) == folder_digest(folder)
    assert (fetched / "tokenizer" / "tokenizer.json").read_bytes() == b"{}"
    outputs = connect().get_run(stage.run_id).outputs
    assert outputs
    assert len(outputs.model_outputs) == 1


def test_the_same_bytes_are_one_version_and_others_another(mlflow_home, tmp_path):
    assert versions("same") == []
    first = register(model(tmp_path / "a", b"one"), "same", None)
    assert register(model(tmp_path / "b", b"one"), "same", None) == first
    second = register(model(tmp_path / "c", b"two"), "same", None)
    assert versions("same") == [first, second]
    assert get("same", 2) == second


def test_a_folder_without_a_digest_is_not_registered(mlflow_home, tmp_path):
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "empty", tmp_path / "none"):
        with pytest.raises(Refused):
            register(folder, "nothing", None)
    assert versions("nothing") == []


def test_an_unknown_version_is_named_with_those_that_there_are(mlflow_home, tmp_path):
    registered("known", tmp_path, 2)
    with pytest.raises(UnknownVersion, match=r"no version 7 of known; wanted one of: 1, 2"):
        get("known", 7)
    with pytest.raises(UnknownVersion, match="none"):
        get("nobody", 1)


def test_an_alias_moves_only_from_where_it_was_seen(mlflow_home, tmp_path):
    first, second = registered("swapped", tmp_path, 2)
    assert by_alias("swapped", "champion") is None
    assert by_alias("nobody", "champion") is None
    assert swap_alias("swapped", "champion", None, 1) == first
    with pytest.raises(PromotionRefused, match="wanted no version, found version 1"):
        swap_alias("swapped", "champion", None, 2)
    with pytest.raises(PromotionRefused, match="wanted version 2, found version 1"):
        swap_alias("swapped", "champion", 2, 1)
    with pytest.raises(UnknownVersion):
        swap_alias("swapped", "champion", 1, 3)
    assert by_alias("swapped", "champion") == first
    assert swap_alias("swapped", "champion", 1, 2) == second
    assert swap_alias("swapped", "champion", 2, None) is None
    assert by_alias("swapped", "champion") is None


def test_of_swaps_that_race_one_wins(mlflow_home, tmp_path):
    registered("raced", tmp_path, 3)
    swap_alias("raced", "champion", None, 1)
    outcomes: list[str] = []

    def promote(version: int) -> None:
        try:
            swap_alias("raced", "champion", 1, version)
            outcomes.append(f"won {version}")
        except PromotionRefused:
            outcomes.append("lost")

    racers = [threading.Thread(target=promote, args=(version,)) for version in (2, 3)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    champion = by_alias("raced", "champion")
    assert champion
    assert sorted(outcomes) == ["lost", f"won {champion.version}"]


def test_a_version_bears_tags_but_its_digest_is_set_once(mlflow_home, tmp_path):
    (version,) = registered("tagged", tmp_path)
    assert tag_version(version, {"rejected": "true"}).tags["rejected"] == "true"
    with pytest.raises(ValueError, match="set once"):
        tag_version(version, {"sha256": "00"})
