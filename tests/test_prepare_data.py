"""The stage prepare_data: checked rows become shards that no prompt shares across parts."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from tasks.contracts.config import Params
from tasks.contracts.errors import DataRefused, ParamsInvalid
from tasks.contracts.places import CHECKED, PREPARED
from tasks.contracts.reporting import Silent
from tasks.data.preparing.batches import read_shard, write_shard
from tasks.data.preparing.splits import fraction
from tasks.prepare_data import prepare_data
from tasks.records.manifests import read_manifest
from tests.data.rows_on_disk import demonstrations, preferences
from tests.stage_folder import PARTS, check_in, params_of_preparing, shard


def params(**data: object) -> Params:
    return params_of_preparing(80, **data)


@pytest.fixture(autouse=True)
def workspace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    CHECKED.mkdir(parents=True)
    return tmp_path


def texts(name: str, field: str) -> list[str]:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(PREPARED / "tokenizer")
    return tokenizer.batch_decode([row[field] for row in shard(name)])


def test_every_row_is_in_one_part_and_its_tokens_are_its_text():
    check_in("preferences", preferences(80))
    check_in("demonstrations", demonstrations(80))
    numbers = prepare_data(params(), Silent())
    pairs = {part: shard(f"preferences_{part}") for part in PARTS}
    assert sum(len(rows) for rows in pairs.values()) == 80
    assert numbers["preferences_train_rows"] == len(pairs["train"]) > 30
    known = {row["prompt"]: row for row in preferences(80)}
    columns = (texts("preferences_train", name) for name in ("prompt", "chosen", "rejected"))
    for prompt, chosen, rejected in zip(*columns, strict=True):
        row = known[prompt.removeprefix("<bos><user>").removesuffix("<assistant>")]
        assert (chosen, rejected) == (row["chosen"] + "<eos>", row["rejected"] + "<eos>")
    assert texts("sft_train", "response")[0].endswith("<eos>")


def test_no_prompt_is_in_two_parts_whatever_the_kind():
    check_in("preferences", preferences(80))
    check_in("demonstrations", [{"prompt": row["prompt"].upper(), "response": "Yes."} for row in preferences(80)])
    check_in("demonstrations", demonstrations(20))
    prepare_data(params(judge_share=0.2), Silent())
    sides = {part: {row["text"].lower() for row in shard(f"prompts_{part}")} for part in PARTS}
    assert sides["test"].isdisjoint(sides["train"] | sides["validation"])
    assert sides["train"].isdisjoint(sides["validation"])
    judged = {row["id"] for row in shard("preferences_judge")}
    assert judged
    assert judged.isdisjoint(row["id"] for part in PARTS for row in shard(f"preferences_{part}"))
    taught = {prompt.lower() for part in ("train", "validation") for prompt in texts(f"sft_{part}", "prompt")}
    assert taught.isdisjoint(prompt.lower() for prompt in texts("prompts_test", "prompt"))


def test_sources_of_a_given_split_stay_there():
    check_in("preferences", preferences(60), "train")
    check_in("preferences", preferences(20, 100), "test")
    check_in("demonstrations", demonstrations(60), "train")
    check_in("prompts", [{"prompt": f"Ask {n}", "slice": "plain", "id": f"ask-{n}"} for n in range(10)], "test")
    prepare_data(params(), Silent())
    assert len(shard("preferences_test")) == 20
    assert [row["text"] for row in shard("prompts_test")[:10]] == [f"Ask {n}" for n in range(10)]
    assert shard("prompts_test")[0]["slice"] == "plain"
    assert len(shard("prompts_test")) == 30
    assert len(shard("prompts_train")) + len(shard("prompts_validation")) == 120


def test_a_prompt_of_many_rows_is_asked_once():
    check_in("preferences", preferences(60))
    check_in("preferences", [row | {"id": "b", "chosen": "Other."} for row in preferences(60)])
    check_in("demonstrations", demonstrations(60))
    prepare_data(params(), Silent())
    asked = [row["text"] for part in PARTS for row in shard(f"prompts_{part}")]
    assert len(asked) == len(set(asked)) == 120


def test_a_prompt_that_came_from_a_demonstration_has_its_response_as_reference():
    check_in("preferences", preferences(60))
    check_in("demonstrations", demonstrations(60))
    check_in("demonstrations", [row | {"id": "again", "response": "Another answer."} for row in demonstrations(10)])
    prepare_data(params(), Silent())
    asked = [row for part in PARTS for row in shard(f"prompts_{part}")]
    assert {row["text"]: row["reference"] for row in asked if "reference" in row} == {
        row["prompt"]: row["response"] for row in demonstrations(60)}  # of two demonstrations, the first
    assert len(asked) == 120


def test_sft_can_learn_from_the_chosen_side():
    check_in("preferences", preferences(80))
    prepare_data(params(demonstrations_from="chosen"), Silent())
    assert texts("sft_train", "response") == texts("preferences_train", "chosen")


def test_text_is_pretrained_on_where_there_is_some_and_dialogues_where_there_is_none():
    check_in("preferences", preferences(80))
    check_in("demonstrations", demonstrations(80))
    prepare_data(params(), Silent())
    assert texts("text_train", "ids")[0].startswith("<bos><user>Tell me about")
    dialogues = len(shard("text_train"))
    assert dialogues == len(shard("sft_train")) + 2 * len(shard("preferences_train"))
    check_in("text", [{"text": "Once upon a time."}, {"text": "The end. " * 60}])
    prepare_data(params(), Silent())
    pieces = texts("text_train", "ids")
    assert pieces[0] == "<bos>Once upon a time.<eos>"
    assert "".join(pieces[1:]) == "<bos>" + "The end. " * 60 + "<eos>"
    assert max(len(row["ids"]) for row in shard("text_train")) == 120  # prompt and response together


def test_the_manifest_holds_every_row_once_and_its_root():
    check_in("preferences", preferences(80))
    check_in("demonstrations", demonstrations(80))
    prepare_data(params(), Silent())
    manifest = json.loads((PREPARED / "manifest.json").read_text())
    ids = read_manifest(PREPARED / "rows.manifest", manifest["merkle_root"])
    assert ids == sorted({row["id"] for path in PREPARED.glob("*.jsonl") for row in read_shard(path)})
    assert manifest["rows"]["sft_train.jsonl"] == len(shard("sft_train"))
    for name in ("sft_train", "preferences_test", "prompts_validation"):
        kept = read_manifest(PREPARED / "manifests" / name, manifest["manifests"][name])
        assert kept == sorted(row["id"] for row in shard(name))


def test_prompts_have_manifests_of_their_own_in_which_the_spelling_counts_nothing():
    check_in("preferences", [{"prompt": " Ask  ME ?", "chosen": "a", "rejected": "b"}], "train")
    check_in("preferences", preferences(40))
    check_in("demonstrations", [{"prompt": "ask me", "response": "a"}, *demonstrations(40)], "train")
    prepare_data(params(), Silent())
    asked = {use: set(read_manifest(PREPARED / "manifests" / f"{use}.prompts"))
             for use in ("sft_train", "preferences_train", "preferences_test")}
    mine = hashlib.sha256(b'{"prompt":"askme"}').hexdigest()
    assert mine in asked["sft_train"] & asked["preferences_train"]
    assert asked["preferences_test"].isdisjoint(asked["preferences_train"] | asked["sft_train"])


def test_the_tokenizer_has_a_manifest_of_what_it_was_trained_on_and_a_given_one_has_none(tmp_path):
    check_in("preferences", preferences(80))
    check_in("demonstrations", demonstrations(80))
    prepare_data(params(), Silent())
    learnt = set(read_manifest(PREPARED / "manifests" / "tokenizer"))
    assert learnt == {row["id"] for name in ("sft_train", "preferences_train") for row in shard(name)}
    shutil.copytree(PREPARED / "tokenizer", tmp_path / "base")
    given = params().model_copy(update={"base": params().base.model_copy(update={"path": str(tmp_path / "base")})})
    Path("dvc.yaml").write_text("stages:\n  prepare_data: {cmd: x, deps: [other]}\n")
    with pytest.raises(ParamsInvalid, match="is read by the stage prepare_data"):  # else a change would go unseen
        prepare_data(given, Silent())
    Path("dvc.yaml").write_text("stages:\n  prepare_data: {cmd: x, deps: [base]}\n")
    prepare_data(given, Silent())
    uses = {path.name for path in (PREPARED / "manifests").iterdir()}
    assert "sft_train" in uses
    assert uses.isdisjoint({"tokenizer", "text_train", "text_train.prompts"})


def test_the_same_rows_give_the_same_bytes():
    check_in("preferences", preferences(80))
    check_in("demonstrations", demonstrations(80))
    prepare_data(params(), Silent())
    before = {path: path.read_bytes() for path in PREPARED.rglob("*") if path.is_file()}
    prepare_data(params(), Silent())
    assert {path: path.read_bytes() for path in PREPARED.rglob("*") if path.is_file()} == before


def test_with_few_prompts_the_nearest_one_goes_to_validation_in_every_kind():
    pairs = [row | {"prompt": f"Ask {number % 3}"} for number, row in enumerate(preferences(60))]
    check_in("preferences", pairs, "train")
    check_in("preferences", preferences(20, 100), "test")
    check_in("demonstrations", [{"prompt": f"ask {n % 3} ?", "response": f"Answer {n}."} for n in range(30)], "train")
    prepare_data(params(validation_share=1e-9), Silent())
    nearest = min(("Ask 0", "Ask 1", "Ask 2"), key=lambda prompt: fraction(prompt, "hallmark", "validation"))
    assert {row["text"].upper().rstrip(" ?") for row in shard("prompts_validation")} == {nearest.upper()}
    assert (len(shard("preferences_validation")), len(shard("preferences_train"))) == (20, 40)
    assert (len(shard("sft_validation")), len(shard("sft_train"))) == (10, 20)


def test_a_part_without_rows_is_refused_and_nothing_is_left():
    check_in("preferences", preferences(80), "train")
    check_in("demonstrations", demonstrations(80), "train")
    with pytest.raises(DataRefused, match=r"no row falls into preferences_test, prompts_test"):
        prepare_data(params(), Silent())
    assert not PREPARED.exists()
    assert [path.name for path in PREPARED.parent.iterdir()] == ["checked"]


def test_held_out_text_teaches_the_tokenizer_nothing():
    check_in("preferences", preferences(80), "train")
    check_in("demonstrations", demonstrations(80), "train")
    check_in("preferences", [row | {"chosen": "zyxwv " * 4} for row in preferences(20, 100)], "test")
    wide = params(validation_share=0.2).model_copy(
        update={"tokens": params().tokens.model_copy(update={"vocabulary": 1000})})
    prepare_data(wide, Silent())
    assert "zyx" not in (PREPARED / "tokenizer" / "tokenizer.json").read_text()


def test_a_shard_is_read_as_it_was_written(tmp_path):
    rows = [{"id": "a", "prompt": [1, 2], "text": "é\u2028\n"}, {"id": "b", "prompt": []}]
    assert write_shard(tmp_path / "shard.jsonl", rows) == 2
    assert read_shard(tmp_path / "shard.jsonl") == rows


def test_how_many_texts_were_cut_is_told_in_numbers_and_never_in_words_of_theirs():
    class Listener(Silent):
        notes: list[str] = []

        def note(self, text: str) -> None:
            self.notes.append(text)

    check_in("preferences", preferences(80))
    check_in("demonstrations", [*demonstrations(79), {"prompt": "long " * 90, "response": "Yes. " * 90, "id": "long"}])
    numbers = prepare_data(params(), Listener())
    # each of the 160 prompts is laid out for SFT or the comparisons, for the prompts and for the text; the 80 + 160
    # responses for their use and for the text
    assert (numbers["prompts_cut"], numbers["prompts_cut_share"]) == (3, 3 / 480)
    assert numbers["responses_cut"] == 2
    assert "3 of 480 prompts are longer than tokens.prompt and lost their beginning" in Listener.notes
    assert "2 of 480 responses are longer than tokens.response and lost their end" in Listener.notes
    assert not any("long long" in note for note in Listener.notes)
