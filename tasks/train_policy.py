"""Stage: SFT model + rewards + prompts -> policy; the answers of its held-out rounds are kept for the judge."""

import json
from collections.abc import Mapping
from typing import Any

import torch

from tasks.contracts.config import Params
from tasks.contracts.inputs import checkpoint_folder, require_dep
from tasks.contracts.places import POLICY, PREPARED, REWARD, ROUNDS, SFT
from tasks.contracts.reporting import Sink
from tasks.data.preparing.batches import read_shard
from tasks.models.ends import end_tokens
from tasks.models.folders import load_causal_model, load_scorer, load_tokenizer, save_model
from tasks.models.scoring import Reference
from tasks.rewards.assembly import assemble, function_files, model_folders
from tasks.rewards.composed import ComposedReward
from tasks.train_reward import load_members, read_scale
from tasks.training.adapting import done_learning, ready_to_learn
from tasks.training.determinism import settle
from tasks.training.devices import pick_device
from tasks.training.objectives import Imitation
from tasks.training.order import ShuffledOrder
from tasks.training.players import Mix, Players
from tasks.training.policy import train_policy as optimise
from tasks.training.prompts import heldout_prompts, prompts_of

PAYING_STAGES = ("train_policy", "evaluate")  # those that work the reward out


def train_policy(params: Params, sink: Sink) -> Mapping[str, float]:
    """Write build/policy and build/rounds; return held-out reward and KL of the round that was kept."""
    settle(params.seed, threads=params.threads)
    players = players_of(params)
    rounds = optimise(
        players, prompts_of("train"), heldout_prompts(params.ppo.select.prompts), params.ppo,
        seed=params.seed, sink=sink, checkpoints=checkpoint_folder("train_policy"))
    ROUNDS.mkdir(parents=True, exist_ok=True)
    (ROUNDS / "rounds.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rounds), encoding="utf-8")
    done_learning(players.policy, POLICY / "adapter")
    save_model(players.policy, POLICY)
    load_tokenizer(PREPARED / "tokenizer").save_pretrained(POLICY)
    kept = next(one for one in rounds if one["chosen"])
    return {"kept_after_update": kept["update"], "heldout_reward": kept["reward"], "heldout_kl_nats": kept["kl_nats"]}


def players_of(params: Params) -> Players:
    """The models of params.yaml on their device: policy and reference start as the SFT model, the critic as the
    reward model."""
    device, tokenizer, config = pick_device(params.device), load_tokenizer(PREPARED / "tokenizer"), params.ppo

    def sft_model():
        return load_causal_model(SFT).to(device)

    def learning(model):
        return ready_to_learn(model, config, seed=params.seed + 5)

    policy, reference = learning(sft_model()), Reference(sft_model(), temperature=params.tokens.temperature)
    return Players(
        policy=policy, reference=reference,
        anchor=reference if config.reference_decay is None else Reference(
            learning(sft_model()), temperature=params.tokens.temperature),
        critic=learning(load_scorer(REWARD).to(device)) if config.algorithm == "ppo" else None,
        reward=composed_reward(params, reference, tokenizer, device),
        decode=lambda ids: tokenizer.batch_decode(ids, skip_special_tokens=True),
        end=end_tokens(policy, tokenizer), pad=tokenizer.pad_token_id, most_tokens=params.tokens.response,
        temperature=params.tokens.temperature, mix=_mix(params, policy, tokenizer))


def _mix(params: Params, policy: torch.nn.Module, tokenizer: Any) -> Mix | None:
    if not params.ppo.mix.coefficient:
        return None
    rows = read_shard(PREPARED / "sft_train.jsonl")
    return Mix(
        Imitation(policy, rows, pad=tokenizer.pad_token_id, most_tokens=params.ppo.micro_batch_tokens),
        ShuffledOrder(len(rows), params.seed + 4), params.ppo.mix.batch, params.ppo.mix.coefficient)


def composed_reward(params: Params, reference: Reference, tokenizer: Any, device: torch.device) -> ComposedReward:
    """The reward of params.yaml: the learned preference of build/reward, and the other parts that it names."""
    for stage in PAYING_STAGES:
        for path in (*function_files(params.reward), *model_folders(params.reward)):
            require_dep(stage, path)
    scale = read_scale()
    return assemble(
        params.reward, scale=scale, reference=reference, pad=tokenizer.pad_token_id, device=device,
        scorers=load_members(len(scale.members), device))


if __name__ == "__main__":
    from tasks import stage

    stage.main(train_policy)
