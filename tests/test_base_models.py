"""All stages of a retraining, one after the other, on base models that others made."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from tasks.contracts.config import Params, parse_params
from tasks.contracts.errors import ParamsInvalid
from tasks.contracts.reporting import Silent
from tasks.data.checked import checked_row
from tasks.evaluate import evaluate
from tasks.prepare_data import prepare_data
from tasks.pretrain import pretrain
from tasks.train_policy import train_policy
from tasks.train_reward import train_reward
from tasks.train_sft import train_sft
from tests.data.rows_on_disk import demonstrations, preferences
from tests.models.kinds import KINDS, in_hub_cache

GRAPH = "stages:\n" + "".join(
    f"  {stage}: {{cmd: x, deps: [own], params: [seed]}}\n"
    for stage in ("prepare_data", "pretrain", "train_sft", "train_reward", "train_policy", "evaluate"))
STAGES = (prepare_data, pretrain, train_sft, train_reward, train_policy, evaluate)
FAST = ("gpt2", "qwen3")


def params(**changes: object) -> Params:
    loop = {"epochs": 1.0, "batch": 16}
    settings = {
        "seed": 1, "device": "cpu", "threads": 1, "base": {"path": "own/base"}, "pretrain": loop, "sft": loop,
        "data": {"sources": [{"path": "data/rows.jsonl"}], "validation_share": 0.2, "test_share": 0.2,
                 "judge_share": 0.2},
        "tokens": {"prompt": 60, "response": 24}, "reward": {"preference": 1.0, "models": []}, "reward_model": loop,
        "ppo": {"updates": 1, "rollout_batch": 16, "minibatch": 8, "select": {"every": 1, "prompts": 8}},
        "evaluate": {"judge": {"kind": "reward_model"}, "prompts": 20, "best_of_prompts": 0}, "gates": {"rules": []}}
    return parse_params(settings | changes)


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Checked rows, a graph that names the folder `own`, and no base yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HALLMARK_HOME", raising=False)
    Path("build/checked").mkdir(parents=True)
    for kind, rows in (("preferences", preferences(60)), ("demonstrations", demonstrations(40))):
        Path(f"build/checked/{kind}.jsonl").write_text(
            "".join(json.dumps(checked_row(row, "auto")) + "\n" for row in rows))
    Path("dvc.yaml").write_text(GRAPH)
    Path("params.yaml").write_text("seed: 1\n")
    return tmp_path


def retrained(name: str, settings: Params) -> dict[str, Mapping[str, float]]:
    """What each stage returned, on a base of this kind."""
    KINDS[name].written(Path("own/base"))
    return {stage.__name__: stage(settings, Silent()) for stage in STAGES}


@pytest.mark.parametrize("name", [
    pytest.param(name, marks=() if name in FAST else pytest.mark.slow) for name in KINDS])
def test_a_base_of_each_kind_becomes_a_policy_that_transformers_loads_and_that_writes(name: str):
    numbers = retrained(name, params())
    assert numbers["train_policy"]["kept_after_update"] in (0, 1)
    assert abs(numbers["train_policy"]["heldout_kl_nats"]) < 1  # an estimate from 8 answers, after one small step
    assert 0 <= numbers["evaluate"]["policy_vs_sft_win_rate"] <= 1
    policy = AutoModelForCausalLM.from_pretrained("build/policy")
    tokenizer: Any = AutoTokenizer.from_pretrained("build/policy")
    asked = tokenizer.apply_chat_template([{"role": "user", "content": "How do I mend two lamps?"}],
                                          add_generation_prompt=True, return_tensors="pt")
    written = policy.generate(**asked, max_new_tokens=5, do_sample=False)
    assert written.shape[1] > asked["input_ids"].shape[1]
    base = AutoModelForCausalLM.from_pretrained("own/base", dtype=torch.float32).state_dict()
    learned = policy.state_dict()
    assert {key: value.shape for key, value in learned.items()} == {key: value.shape for key, value in base.items()}
    assert any(not torch.equal(learned[key], base[key]) for key in base)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gpt2", "gpt_neox", "qwen3", "gemma2, scores capped"])
def test_with_adapters_packing_and_little_memory_all_stages_end_in_an_ordinary_model(name: str):
    small: dict[str, object] = {
        "epochs": 1.0, "batch": 16, "gradient_checkpointing": True, "lora": {"rank": 2, "alpha": 4.0}}
    retrained(name, params(
        sft=small | {"packing": True}, reward_model=small,
        ppo={"updates": 1, "rollout_batch": 16, "minibatch": 8, "select": {"every": 1, "prompts": 8},
             "gradient_checkpointing": True, "lora": {"rank": 2, "alpha": 4.0}}))
    assert {path.name for path in Path("build/policy").iterdir()} >= {"adapter", "model.safetensors"}
    policy = AutoModelForCausalLM.from_pretrained("build/policy")
    assert not [key for key in policy.state_dict() if "lora" in key]


def test_a_base_in_a_folder_that_no_stage_depends_on_is_refused_before_it_is_read():
    KINDS["gpt2"].written(Path("elsewhere"))
    for stage in (prepare_data, pretrain):
        if stage is pretrain:
            KINDS["gpt2"].tokenizer().save_pretrained("build/prepared/tokenizer")
        with pytest.raises(ParamsInvalid, match=f"elsewhere: is read by the stage {stage.__name__}"):
            stage(params(base={"path": "elsewhere"}), Silent())


class Listener(Silent):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def test_a_hub_name_without_a_revision_is_told_by_its_commit_so_that_it_can_be_kept(
        workspace: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(workspace / "hub"))
    in_hub_cache(workspace / "hub", "house/tiny", {"b" * 40: "gpt2"})
    KINDS["gpt2"].tokenizer().save_pretrained("build/prepared/tokenizer")
    for revision, told in ((None, True), ("b" * 40, False)):
        listener = Listener()
        pretrain(params(base={"path": "house/tiny", "revision": revision}), listener)
        assert any(f"house/tiny, commit {'b' * 40}, is given" in note for note in listener.notes)
        assert any(f"set base.revision to {'b' * 40}" in note for note in listener.notes) == told
