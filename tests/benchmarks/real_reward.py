"""How many held-out comparisons a reward model ranks right, ours beside trl's, from one SFT model and the same rows.

    python -m tests.benchmarks.real_reward ours --seeds 1 2 3
    PYTHONPATH=.:build/trl python -m tests.benchmarks.real_reward trl --seeds 1 2 3

Run where build/prepared and build/sft lie; settings are those of params.yaml, the flags change them. trl's trainer has
the same learning rate, batch and passes, and its own schedule. One JSON line a seed, one for the mean of all scores,
and with --baselines one for the rules that need no model. Intervals draw whole prompts. With --keep FOLDER the margins
of every seed on validation and test pairs are kept there, for tests.benchmarks.real_reward_parts.
"""

import argparse
import json
import math
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from tasks.contracts.config import Params, load_params
from tasks.contracts.places import CHECKED, PREPARED
from tasks.contracts.reporting import Silent
from tasks.data.preparing.batches import read_shard
from tasks.gates.baselines import longer_wins, word_baseline
from tasks.gates.measures import win_points
from tasks.gates.statistics import bootstrap_mean
from tasks.models.folders import load_tokenizer
from tasks.train_reward import comparison, new_scorer
from tasks.training.determinism import settle
from tasks.training.supervised import train_supervised

Rows = list[dict]
ASKED = ("validation", "test")  # what no model here has learned from


def main() -> None:
    """Train one reward model a seed and rank the held-out comparisons."""
    params, flags = settings()
    pairs = {part: read_shard(PREPARED / f"preferences_{part}.jsonl") for part in ("train", *ASKED)}
    if flags.baselines:
        print(json.dumps(baselines(pairs["train"], pairs["test"])), flush=True)
    found = [one_seed(params, flags.side, seed, pairs, flags.keep) for seed in flags.seeds]
    together = [sum(margins) for margins in zip(*(standard(one) for one in found), strict=True)]
    print(json.dumps({
        "side": flags.side, "seeds": len(found), "together": accuracy(together, pairs["test"]),
        "mean_accuracy": statistics.fmean(accuracy(one, pairs["test"])["accuracy"] for one in found)}))


def one_seed(params: Params, side: str, seed: int, pairs: dict[str, Rows], keep: Path | None) -> list[float]:
    """Train, print how many test pairs are ranked right, and return their margins."""
    began = time.monotonic()
    settle(seed, threads=params.threads)
    trained = {"ours": ours, "trl": peer}[side](params, pairs["train"], seed).eval()
    seconds = time.monotonic() - began
    tokenizer = load_tokenizer(PREPARED / "tokenizer")
    margins = {part: comparison(trained, pairs[part], params, tokenizer).margins() for part in ASKED}
    print(json.dumps({"side": side, "seed": seed, "seconds": round(seconds, 1),
                      **accuracy(margins["test"], pairs["test"])}), flush=True)
    if keep:
        keep.mkdir(parents=True, exist_ok=True)
        (keep / f"{seed}.json").write_text(json.dumps(margins), encoding="utf-8")
    return margins["test"]


def settings() -> tuple[Params, argparse.Namespace]:
    """The workspace's settings, with what the flags change."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("side", choices=("ours", "trl"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--learning-rate", type=float)
    parser.add_argument("--epochs", type=float)
    parser.add_argument("--pooling", choices=("last", "sum"))
    parser.add_argument("--baselines", action="store_true")
    parser.add_argument("--keep", type=Path, metavar="FOLDER")
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


def accuracy(margins: list[float], rows: Rows) -> dict[str, float]:
    """Share of comparisons ranked right, and its 95 % bootstrap interval over prompts."""
    prompts = [tuple(row["prompt"]) for row in rows]
    value, low, high = bootstrap_mean(win_points(margins, [0.0] * len(margins)), prompts, resamples=2000,
                                      confidence=0.95, seed=1)
    return {"accuracy": round(value, 4), "low": round(low, 4), "high": round(high, 4), "prompts": len(set(prompts))}


def standard(margins: list[float]) -> list[float]:
    """Margins in units of their root mean square, so that no seed outvotes another."""
    scale = math.sqrt(statistics.fmean(margin**2 for margin in margins)) or 1.0
    return [margin / scale for margin in margins]


if __name__ == "__main__":
    main()
