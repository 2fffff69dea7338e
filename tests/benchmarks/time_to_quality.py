"""How long until a policy is as good as trl's is after its whole run? Same SFT model, same reward model, same prompts.

Run where a retraining ran with `reward_model.pooling: last` (trl reads the last token's score alone), trl on
PYTHONPATH for the first command:

    python -m tests.benchmarks.time_to_quality peer --updates 30 --learning-rate 3e-4 --out peer.json
    python -m tests.benchmarks.time_to_quality ours --until peer.json

The peer's policy is measured once, at its end: held-out reward and KL on the same prompts, answered and scored by the
same code as ours. Ours is measured after every update, with the clock stopped, until it has that reward at no more KL.
Seconds are those of learning alone, on both sides.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import torch

from tasks.contracts.config import Params, load_params
from tasks.contracts.places import PREPARED, REWARD, SFT
from tasks.models.folders import load_causal_model, load_scorer, load_tokenizer
from tasks.models.log_probs import response_log_probs
from tasks.models.scoring import Reference, without_gradient
from tasks.rewards.composed import ComposedReward
from tasks.rewards.preference import Preference
from tasks.rewards.scale import Scale
from tasks.training.credit import Controls, floored_scale
from tasks.training.determinism import generator, settle
from tasks.training.optimising import adamw
from tasks.training.order import ShuffledOrder
from tasks.training.players import Players
from tasks.training.ppo import update
from tasks.training.prompts import heldout_prompts, prompts_of
from tasks.training.rollouts import answer

HELDOUT = 256  # prompts


def players(params: Params, policy: torch.nn.Module) -> Players:
    """A policy with the SFT model as reference, paid the reward model's score as it is."""
    tokenizer = load_tokenizer(PREPARED / "tokenizer")
    reference = Reference(load_causal_model(SFT), temperature=params.tokens.temperature)
    preference = Preference([load_scorer(REWARD)], [Scale(0.0, 1.0)])
    return Players(
        policy=policy, reference=reference, anchor=reference, critic=load_scorer(REWARD),
        reward=ComposedReward({"preference": preference}, {"preference": 1.0}),
        decode=lambda responses: [""] * len(responses), end=tokenizer.eos_token_id, pad=tokenizer.pad_token_id,
        most_tokens=params.tokens.response, temperature=params.tokens.temperature)


@torch.no_grad()
def measured(team: Players, *, seed: int) -> tuple[torch.Tensor, float]:
    """Held-out rewards, float [HELDOUT], and the mean KL to the SFT model in nats a response."""
    samples = answer(team, heldout_prompts(HELDOUT), source=generator(seed))
    log_probs = without_gradient(lambda part: response_log_probs(team.policy, part)[0], samples.sequences)
    kl = (log_probs - team.reference.log_probs(samples.sequences)).sum(1).mean().item()
    return team.reward(samples)[0], kl


def ours(params: Params, until: dict[str, float], flags: argparse.Namespace) -> dict[str, object]:
    """Update until held-out reward is at least the peer's at no more KL, or the updates are used up."""
    config = params.ppo.model_copy(update={
        "learning_rate": flags.learning_rate, "critic_learning_rate": flags.critic_learning_rate,
        "epochs": flags.epochs, "kl": params.ppo.kl.model_copy(update={"coefficient": flags.kl})})
    team, prompts = players(params, load_causal_model(SFT)), prompts_of("train")
    optimisers = {"policy": adamw(team.policy, learning_rate=config.learning_rate),
                  "critic": adamw(team.critic or team.policy, learning_rate=config.critic_learning_rate)}
    order, controls, seconds = ShuffledOrder(len(prompts), params.seed), Controls(config.kl.coefficient), 0.0
    source, shuffled = generator(params.seed + 2), generator(params.seed + 3)
    begun = floored_scale(measured(team, seed=1)[0])
    for number in range(1, flags.updates + 1):
        started = time.perf_counter()
        batch = [prompts[row] for row in order.batch(number - 1, config.rollout_batch)]
        _, controls = update(team, optimisers, batch, config, begun, controls, source=source, order=shuffled,
                             number=number)
        seconds += time.perf_counter() - started
        rewards, kl = measured(team, seed=1)
        print(f"update {number}: {seconds:.1f} s, reward {rewards.mean():.4f}, KL {kl:.2f} nats", file=sys.stderr)
        if rewards.mean().item() >= until["reward"] and kl <= until["kl_nats"]:
            break
    reached = rewards.mean().item() >= until["reward"] and kl <= until["kl_nats"]
    return {"engine": "hallmark", "reached": reached, "updates": number, "seconds": round(seconds, 1),
            "reward": rewards.mean().item(), "kl_nats": kl, "peer": until,
            "share_of_the_peers_seconds": round(seconds / until["seconds"], 3), "settings": vars(flags) | {
                "until": str(flags.until)}}


def peer(params: Params, flags: argparse.Namespace) -> dict[str, object]:
    """Run trl's trainer to its end and measure its policy."""
    from datasets import Dataset  # type: ignore[import-not-found]
    from trl.experimental.ppo import PPOConfig, PPOTrainer  # type: ignore[import-not-found]

    from tests.benchmarks.peer_trl import Stopwatch

    tokenizer, batch, parts = load_tokenizer(PREPARED / "tokenizer"), params.ppo.rollout_batch, 4
    rows = Dataset.from_dict({"input_ids": [prompt.ids for prompt in prompts_of("train")]})
    policy, stopwatch = load_causal_model(SFT), Stopwatch()
    with tempfile.TemporaryDirectory() as folder:
        config = PPOConfig(
            output_dir=folder, per_device_train_batch_size=batch // parts, gradient_accumulation_steps=parts,
            num_mini_batches=parts, num_ppo_epochs=flags.epochs, total_episodes=batch * flags.updates,
            response_length=params.tokens.response, local_rollout_forward_batch_size=batch,
            learning_rate=flags.learning_rate, kl_coef=flags.kl, missing_eos_penalty=params.ppo.missing_end_penalty,
            temperature=params.tokens.temperature, stop_token="eos", seed=params.seed, use_cpu=True, bf16=False,
            gradient_checkpointing=False, num_sample_generations=0, save_strategy="no", report_to=[],
            logging_steps=1000, disable_tqdm=True)
        PPOTrainer(args=config, processing_class=tokenizer, model=policy, ref_model=load_causal_model(SFT),
                   reward_model=load_scorer(REWARD), value_model=load_scorer(REWARD), train_dataset=rows,
                   eval_dataset=rows.select(range(batch)), callbacks=[stopwatch]).train()
    wall, _ = stopwatch.clock.seconds()  # of all steps but the first
    before, _ = measured(players(params, load_causal_model(SFT)), seed=1)
    rewards, kl = measured(players(params, policy.eval()), seed=1)
    return {"engine": "trl 1.12.0 PPOTrainer", "updates": flags.updates, "reward_before": before.mean().item(),
            "seconds": round(sum(wall) * flags.updates / len(wall), 1), "reward": rewards.mean().item(), "kl_nats": kl,
            "settings": vars(flags) | {"out": str(flags.out)}}


def main() -> None:
    """Read the command line, run one side, print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sides = parser.add_subparsers(dest="side", required=True)
    for side, rate in (("peer", 3e-4), ("ours", 4e-4)):
        one = sides.add_parser(side)
        one.add_argument("--updates", type=int, default=30)
        one.add_argument("--learning-rate", type=float, default=rate)
        one.add_argument("--epochs", type=int, default=4 if side == "peer" else 2)
        one.add_argument("--kl", type=float, default=0.05 if side == "peer" else 0.1)
        one.add_argument("--threads", type=int, default=2)
    sides.choices["peer"].add_argument("--out", type=Path, required=True)
    sides.choices["ours"].add_argument("--until", type=Path, required=True)
    sides.choices["ours"].add_argument("--critic-learning-rate", type=float, default=1e-3)
    flags = parser.parse_args()
    params = load_params()
    settle(params.seed, threads=flags.threads)
    if flags.side == "peer":
        found = peer(params, flags)
        flags.out.write_text(json.dumps(found), encoding="utf-8")
    else:
        found = ours(params, json.loads(flags.until.read_text(encoding="utf-8")), flags)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
