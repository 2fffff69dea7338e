"""How many held-out comparisons a reward model ranks right, ours beside trl's, from one SFT model and the same rows.

    python -m tests.benchmarks.real_reward ours --seeds 1 2 3
    PYTHONPATH=.:build/trl python -m tests.benchmarks.real_reward trl --seeds 1 2 3

Run where build/prepared and build/sft lie; settings are those of params.yaml, the flags change them. trl's trainer has
the same learning rate, batch and passes, and its own schedule. One JSON line a seed, one for the mean of all scores,
and with --baselines one for the rules that need no model.
"""

import argparse
import json
import math
import random
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from tasks.contracts.config import Params, load_params
from tasks.contracts.places import CHECKED, PREPARED
from tasks.contracts.reporting import Silent
from tasks.data.batches import read_shard
from tasks.gates.baselines import longer_wins, word_baseline
from tasks.models.folders import load_tokenizer
from tasks.train_reward import comparison, new_scorer
from tasks.training.determinism import settle
from tasks.training.supervised import train_supervised

Rows = list[dict]


def main() -> None:
    """Train one reward model a seed and rank the held-out comparisons."""
    params, flags = settings()
    train, test = (read_shard(PREPARED / f"preferences_{part}.jsonl") for part in ("train", "test"))
    if flags.baselines:
        print(json.dumps(baselines(train, test)), flush=True)
    margins = []
    for seed in flags.seeds:
        began = time.monotonic()
        settle(seed, threads=params.threads)
        trained = {"ours": ours, "trl": peer}[flags.side](params, train, seed)
        seconds = time.monotonic() - began
        margins.append(comparison(trained.eval(), test, params, load_tokenizer(PREPARED / "tokenizer")).margins())
        print(json.dumps({"side": flags.side, "seed": seed, "seconds": round(seconds, 1), **accuracy(margins[-1])}),
              flush=True)
    together = [sum(scores) for scores in zip(*(standard(one) for one in margins), strict=True)]
    print(json.dumps({"side": flags.side, "seeds": len(margins), "together": accuracy(together),
                      "mean_accuracy": statistics.fmean(accuracy(one)["accuracy"] for one in margins)}))


def settings() -> tuple[Params, argparse.Namespace]:
    """The workspace's settings, with what the flags change."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("side", choices=("ours", "trl"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--learning-rate", type=float)
    parser.add_argument("--epochs", type=float)
    parser.add_argument("--pooling", choices=("last", "sum"))
    parser.add_argument("--baselines", action="store_true")
    flags = parser.parse_args()
    given = {name: value for name in ("learning_rate", "epochs", "pooling")
             if (value := getattr(flags, name)) is not None}
    params = load_params()
    return params.model_copy(update={"reward_model": params.reward_model.model_copy(update=given)}), flags


def ours(params: Params, train: Rows, seed: int) -> torch.nn.Module:
    """The stage's own training."""
    scorer = new_scorer(params, torch.device("cpu"))
    objective = comparison(scorer, train, params, load_tokenizer(PREPARED / "tokenizer"))
    train_supervised(scorer, len(train), objective, params.reward_model, seed=seed, sink=Silent(),
                     checkpoints=Path("build/unused") / f"reward-{seed}", what="reward model")
    return scorer


def peer(params: Params, train: Rows, seed: int) -> torch.nn.Module:
    """The RewardTrainer of trl on the same rows; it reads the last token, whatever the settings say."""
    from datasets import Dataset  # type: ignore[import-not-found]
    from trl import RewardConfig, RewardTrainer  # type: ignore[import-not-found]

    config = params.reward_model
    scorer = new_scorer(params.model_copy(update={"reward_model": config.model_copy(update={"pooling": "last"})}),
                        torch.device("cpu"))
    tokenizer = load_tokenizer(PREPARED / "tokenizer")
    scorer.config.pad_token_id = tokenizer.pad_token_id
    rows = [{f"{name}_ids": row["prompt"] + row[name] for name in ("chosen", "rejected")} for row in train]
    trainer = RewardTrainer(
        model=scorer, processing_class=tokenizer, train_dataset=Dataset.from_list(rows),
        args=RewardConfig(
            output_dir="build/unused/trl", per_device_train_batch_size=config.batch, seed=seed, max_length=None,
            max_steps=math.ceil(len(train) * config.epochs / config.batch), learning_rate=config.learning_rate,
            gradient_checkpointing=False, bf16=False, use_cpu=True, save_strategy="no", report_to=[],
            logging_steps=1000, disable_tqdm=True))
    trainer.train()
    return scorer


def baselines(train: Rows, test: Rows) -> dict[str, object]:
    """The longer answer, and TF-IDF with logistic regression on the difference."""
    texts = dict(checked_pairs())
    pairs = [texts[row["id"]] for row in test]
    known = [texts[row["id"]] for row in train]
    return {"test": len(test), "train": len(train), "longer": statistics.fmean(longer_wins(pairs)),
            "tfidf": statistics.fmean(word_baseline(known, pairs))}


def checked_pairs() -> Iterator[tuple[str, tuple[str, str]]]:
    """Id, chosen and rejected of every checked comparison."""
    with (CHECKED / "preferences.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            yield row["id"], (row["chosen"], row["rejected"])


def accuracy(margins: list[float]) -> dict[str, float]:
    """Share of comparisons ranked right and its 95 % bootstrap interval over comparisons."""
    right = [(margin > 0) + 0.5 * (margin == 0) for margin in margins]
    draws = random.Random(1)
    means = sorted(statistics.fmean(draws.choices(right, k=len(right))) for _ in range(1000))
    return {"accuracy": round(statistics.fmean(right), 4), "low": round(means[24], 4), "high": round(means[974], 4)}


def standard(margins: list[float]) -> list[float]:
    """Margins in units of their root mean square, so that no seed outvotes another."""
    scale = math.sqrt(statistics.fmean(margin**2 for margin in margins)) or 1.0
    return [margin / scale for margin in margins]


if __name__ == "__main__":
    main()
