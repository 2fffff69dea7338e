"""prepare_data with labels: no prompt on two sides, shards and manifests of their own; without them the same bytes."""

import hashlib
import json

import pytest

from tasks.contracts.config import Params
from tasks.contracts.errors import DataRefused
from tasks.contracts.places import CHECKED, PREPARED
from tasks.contracts.reporting import Silent
from tasks.data.checked import checked_row
from tasks.prepare_data import prepare_data
from tasks.records.manifests import read_manifest
from tests.data.rows_on_disk import demonstrations, labels, preferences
from tests.stage_folder import PARTS, check_in, params_of_preparing, shard

OLD = {
    "preferences": [{"prompt": f"How is number {n} done?", "chosen": f"Do {n} with care.", "rejected": f"{n}? No idea!"}
                    for n in range(60)],
    "demonstrations": [{"prompt": f"Say what {n} is.", "response": f"It is {n}, no more."} for n in range(60)]}
# sha256 of the shards of these rows as they were before there were labels
WITHOUT_LABELS = {
    "preferences_train": "bbbef77fc22cd65dfa44644a2a1d7018c9963d4e598141c00eee680cf87308c7",
    "preferences_validation": "1e33272008554d77caf5b1e6924ed7db5bfad165d96cbe366d3b76b3b53d2d38",
    "preferences_test": "551f545d57c390d547ce249999cfd8166aa10cf0c4d8b9fe9939ec1e9b52b341",
    "sft_train": "25fc5ddec84eba1ec81ea7f308a8eeb5362c1e3c8ab5e52fc0fbe5e62d8d7a46",
    "prompts_train": "1262147c37bcffe646a29f23bd80ce13264652040b2df64378ecef3268dbfc52",
    "prompts_test": "6f2793800a8d61873e985f2067416881f73c43d630d54102e5953164ca6b6768",
    "text_train": "d72a05c9228da70266a45796be46630c16c526ca2f94dea3700cd231c574d4e3",
}


def params(**data: object) -> Params:
    return params_of_preparing(20, **data)


@pytest.fixture(autouse=True)
def workspace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    CHECKED.mkdir(parents=True)


class Listener(Silent):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def written() -> set[str]:
    return {path.stem for path in PREPARED.glob("*.jsonl")}


def test_labels_alone_have_shards_in_which_good_is_good():
    check_in("labels", labels(80))
    check_in("demonstrations", demonstrations(80))
    numbers = prepare_data(params(), Silent())
    parts = {part: shard(f"labels_{part}") for part in PARTS}
    assert sum(len(rows) for rows in parts.values()) == 80
    assert all({row["good"] for row in rows} == {True, False} for rows in parts.values())
    assert numbers["labels_train_rows"] == len(parts["train"]) > 30
    assert not {name for name in written() if name.startswith("preferences")}
    good = {checked_row(row, "auto")["id"] for row in labels(80) if row["label"] == "good"}
    assert {row["id"] for rows in parts.values() for row in rows if row["good"]} == good


def test_a_prompt_of_comparisons_and_labels_is_on_one_side_only():
    check_in("preferences", preferences(80))
    check_in("demonstrations", demonstrations(80))
    check_in("labels", [{"prompt": row["prompt"].upper(), "response": row["chosen"], "label": "good"}
                        for row in preferences(80)])
    check_in("labels", labels(40))
    prepare_data(params(judge_share=0.2), Silent())
    sides = {part: {tuple(row["prompt"]) for row in shard(f"labels_{part}")} for part in (*PARTS, "judge")}
    assert all(sides.values())
    asked = {part: set(read_manifest(PREPARED / "manifests" / f"labels_{part}.prompts")) for part in (*PARTS, "judge")}
    compared = {part: set(read_manifest(PREPARED / "manifests" / f"preferences_{part}.prompts"))
                for part in (*PARTS, "judge")}
    for one, mine in asked.items():
        for other, theirs in asked.items():
            assert one == other or mine.isdisjoint(theirs | compared[other])
    assert asked["train"] & compared["train"]  # the same prompts, spelled otherwise


def test_labels_have_manifests_of_their_own_and_teach_the_tokenizer():
    check_in("labels", labels(80))
    check_in("demonstrations", demonstrations(80))
    prepare_data(params(), Silent())
    roots = json.loads((PREPARED / "manifest.json").read_text())["manifests"]
    trained = read_manifest(PREPARED / "manifests" / "labels_train", roots["labels_train"])
    assert trained == sorted(row["id"] for row in shard("labels_train"))
    assert set(trained) <= set(read_manifest(PREPARED / "manifests" / "tokenizer"))
    assert {row["id"] for row in shard("labels_test")}.isdisjoint(read_manifest(PREPARED / "manifests" / "tokenizer"))
    assert set(trained) <= {row["id"] for row in shard("text_train")}


def test_few_labels_have_a_good_and_a_bad_one_to_validate_on():
    check_in("labels", labels(60), "train")
    check_in("labels", labels(20, 100), "test")
    check_in("demonstrations", demonstrations(80))
    prepare_data(params(validation_share=1e-9), Silent())
    assert sorted(row["good"] for row in shard("labels_validation")) == [False, True]


def test_labels_that_are_all_good_are_refused_without_comparisons_and_told_beside_them():
    check_in("labels", [row | {"label": "good"} for row in labels(80)])
    check_in("demonstrations", demonstrations(80))
    with pytest.raises(DataRefused, match=r"all labels of labels_train, labels_validation, labels_test are the same"):
        prepare_data(params(), Silent())
    assert not PREPARED.exists()
    check_in("preferences", preferences(80))
    listener = Listener()
    prepare_data(params(), listener)
    assert any(note.startswith("all labels of labels_train are the same") for note in listener.notes)


def test_without_comparisons_a_part_without_labels_is_refused_and_beside_them_it_is_not():
    check_in("labels", labels(80), "train")
    check_in("demonstrations", demonstrations(80))
    with pytest.raises(DataRefused, match="no row falls into labels_test"):
        prepare_data(params(), Silent())
    check_in("preferences", preferences(80))
    prepare_data(params(), Silent())
    assert shard("labels_test") == []


def test_without_labels_every_shard_has_the_bytes_that_it_had_before_there_were_any():
    for kind, rows in OLD.items():
        check_in(kind, rows)
    prepare_data(params(), Silent())
    found = {name: hashlib.sha256((PREPARED / f"{name}.jsonl").read_bytes()).hexdigest() for name in WITHOUT_LABELS}
    assert found == WITHOUT_LABELS
    assert not [name for name in written() if name.startswith("labels")]
