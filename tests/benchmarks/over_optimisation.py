"""How far a policy gets before its reward leads it astray: one reward model, or an ensemble of them.

Run where a retraining ran, with `reward_model.ensemble.members` of 2 or more:

    python -m tests.benchmarks.over_optimisation run single-1 minimum --out curve.csv
    python -m tests.benchmarks.over_optimisation draw curve.csv --out docs/ensemble.png

A run takes the SFT model and the reward models of build/, pays the preference alone, holds the policy near the
reference with a small KL coefficient, and lets the demo world's judge score the answers of every held-out round.
"""

import argparse
import csv
import math
from collections import defaultdict
from pathlib import Path

import torch

from tasks.contracts.config import Params, load_params
from tasks.contracts.places import PREPARED, REWARD, SFT
from tasks.contracts.policy_config import PPOConfig
from tasks.contracts.reporting import Silent
from tasks.models.folders import load_causal_model, load_scorer, load_tokenizer
from tasks.models.scoring import Reference
from tasks.rewards.composed import ComposedReward
from tasks.rewards.preference import Preference
from tasks.train_reward import load_members, read_scale
from tasks.training.determinism import settle
from tasks.training.judging import demo_scores
from tasks.training.players import Players
from tasks.training.policy import train_policy
from tasks.training.prompts import heldout_prompts, prompts_of

COLUMNS = ("variant", "seed", "update", "kl_nats", "reward", "judge")


def run(params: Params, variants: list[str], seeds: list[int], config: PPOConfig, out: Path) -> None:
    """Train a policy for each variant and seed, and append its held-out rounds to a CSV file."""
    tokenizer = load_tokenizer(PREPARED / "tokenizer")
    heldout = heldout_prompts(config.select.prompts)
    for variant in variants:
        for seed in seeds:
            settle(seed, threads=params.threads)
            reference = Reference(load_causal_model(SFT), temperature=params.tokens.temperature)
            players = Players(
                policy=load_causal_model(SFT), reference=reference, anchor=reference, critic=load_scorer(REWARD),
                reward=ComposedReward({"preference": preference(params, variant)}, {"preference": 1.0}),
                decode=lambda ids: tokenizer.batch_decode(ids, skip_special_tokens=True),
                end=tokenizer.eos_token_id, pad=tokenizer.pad_token_id, most_tokens=params.tokens.response,
                temperature=params.tokens.temperature)
            rounds = train_policy(players, prompts_of("train"), heldout, config, seed=seed, sink=Silent(),
                                  checkpoints=Path("build/unused") / f"{variant}-{seed}")
            with out.open("a", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, COLUMNS)
                if out.stat().st_size == 0:
                    writer.writeheader()
                for one in rounds:
                    answers = tokenizer.batch_decode(one["responses"], skip_special_tokens=True)
                    judged = demo_scores([prompt.text for prompt in heldout], answers)
                    writer.writerow({"variant": variant, "seed": seed, "update": one["update"],
                                     "kl_nats": one["kl_nats"], "reward": one["reward"],
                                     "judge": sum(judged) / len(judged)})
            print(f"{variant}, seed {seed}: done", flush=True)


def preference(params: Params, variant: str) -> Preference:
    """`single-K` pays member K's score alone; the others combine all members."""
    scales = read_scale().members
    scorers = load_members(len(scales), torch.device("cpu"))
    if variant.startswith("single-"):
        member = int(variant.removeprefix("single-")) - 1
        return Preference([scorers[member]], [scales[member]])
    return Preference(scorers, scales, combine=variant,
                      variance_weight=params.reward_model.ensemble.variance_weight)


def draw(table: Path, out: Path) -> None:
    """Plot the judge's score over the root of the KL, one line a variant; single members share one colour."""
    import matplotlib.pyplot as plt

    lines: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    with table.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            lines[row["variant"], row["seed"]].append((math.sqrt(max(float(row["kl_nats"]), 0.0)), float(row["judge"])))
    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    kinds = sorted({variant.split("-")[0] for variant, _ in lines})
    for (variant, _), points in lines.items():
        kind = variant.split("-")[0]
        first = not any(line.get_label() == kind for line in axes.lines)
        axes.plot(*zip(*points, strict=True), color=f"C{kinds.index(kind)}", alpha=0.8, marker="o", markersize=3,
                  label=kind if first else None)
    axes.set_xlabel("√KL to the SFT model (√nats)")
    axes.set_ylabel("judge's score of held-out answers")
    axes.legend()
    figure.savefig(out, dpi=120)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    runs = commands.add_parser("run")
    runs.add_argument("variants", nargs="+", help="single-1, single-2, …, mean, minimum, mean_less_variance")
    runs.add_argument("--seeds", type=int, nargs="+", default=[1])
    runs.add_argument("--updates", type=int, default=60)
    runs.add_argument("--kl", type=float, default=0.02)
    runs.add_argument("--threads", type=int, default=2)
    runs.add_argument("--out", type=Path, required=True)
    draws = commands.add_parser("draw")
    draws.add_argument("table", type=Path)
    draws.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    if args.command == "draw":
        return draw(args.table, args.out)
    params = load_params().model_copy(update={"threads": args.threads})
    config = params.ppo.model_copy(update={
        "updates": args.updates, "kl": params.ppo.kl.model_copy(update={"coefficient": args.kl})})
    torch.set_num_threads(args.threads)
    return run(params, args.variants, args.seeds, config, args.out)


if __name__ == "__main__":
    main()
