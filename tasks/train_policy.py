"""Stage: SFT model + rewards + prompts -> policy, by PPO; the answers of its held-out rounds are kept for the judge."""

import json
from collections.abc import Mapping
from typing import Any

import torch

from tasks.contracts.config import Params
from tasks.contracts.inputs import checkpoint_folder
from tasks.contracts.places import POLICY, PREPARED, REWARD, ROUNDS, SFT
from tasks.contracts.reporting import Sink
from tasks.data.batches import read_shard
from tasks.models.folders import load_causal_model, load_scorer, load_tokenizer, save_model
from tasks.models.scoring import Reference
from tasks.rewards.composed import ComposedReward, Part, untaught_parts
from tasks.rewards.preference import Preference
from tasks.train_reward import SCALE_FILE
from tasks.training.determinism import settle
from tasks.training.devices import pick_device
from tasks.training.policy import train_policy as optimise
from tasks.training.ppo import Players, Prompt


def train_policy(params: Params, sink: Sink) -> Mapping[str, float]:
    """Write build/policy and build/rounds; return held-out reward and KL of the round that was kept."""
    settle(params.seed, threads=params.threads)
    device, tokenizer = pick_device(params.device), load_tokenizer(PREPARED / "tokenizer")
    reference = Reference(load_causal_model(SFT).to(device), temperature=params.tokens.temperature)
    players = Players(
        policy=load_causal_model(SFT).to(device), reference=reference, critic=load_scorer(REWARD).to(device),
        reward=composed_reward(params, reference, tokenizer, device),
        decode=lambda ids: tokenizer.batch_decode(ids, skip_special_tokens=True),
        end=tokenizer.eos_token_id, pad=tokenizer.pad_token_id, most_tokens=params.tokens.response,
        temperature=params.tokens.temperature)
    rounds = optimise(
        players, prompts_of("train"), prompts_of("validation")[: params.ppo.select.prompts], params.ppo,
        seed=params.seed, sink=sink, checkpoints=checkpoint_folder("train_policy"))
    ROUNDS.mkdir(parents=True, exist_ok=True)
    (ROUNDS / "rounds.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rounds), encoding="utf-8")
    save_model(players.policy, POLICY)
    tokenizer.save_pretrained(POLICY)
    kept = next(one for one in rounds if one["chosen"])
    return {"kept_after_update": kept["update"], "heldout_reward": kept["reward"], "heldout_kl_nats": kept["kl_nats"]}


def composed_reward(params: Params, reference: Reference, tokenizer: Any, device: torch.device) -> ComposedReward:
    """The reward of params.yaml: the learned preference of build/reward, and the parts that need no label."""
    scale = json.loads((REWARD / SCALE_FILE).read_text(encoding="utf-8"))
    learned = Preference(
        load_scorer(REWARD).to(device), mean=scale["score_mean"], deviation=scale["score_deviation"])
    parts: dict[str, Part] = {"preference": learned, **untaught_parts(
        reference, pad=tokenizer.pad_token_id, unsafe_phrases=params.reward.unsafe_phrases)}
    return ComposedReward(parts, {name: getattr(params.reward, name) for name in parts})


def prompts_of(split: str) -> list[Prompt]:
    """The prompts of a split, in the order of their shard."""
    return [Prompt(row["prompt"], row["text"]) for row in read_shard(PREPARED / f"prompts_{split}.jsonl")]


if __name__ == "__main__":
    from tasks import stage

    stage.main(train_policy)
