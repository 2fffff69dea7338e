"""Do features of wording and length beside a reward model rank more held-out comparisons right?

    python -m tests.benchmarks.real_reward ours --seeds 1 2 3 --pooling sum --keep build/unused/margins
    python -m tests.benchmarks.real_reward_parts build/unused/margins

Each part gives a margin for every comparison: the reward model (one seed, or the mean of all of them in units of their
root mean square), TF-IDF of the words with logistic regression as in tasks.gates.baselines, the difference of the
logarithms of the lengths in characters, and a bag of tokens (tasks.models.bag_of_tokens). Parts are added in units of
their root mean square on the validation pairs: with equal weights, and with weights fitted on the validation pairs
alone. One JSON line a combination; intervals draw whole prompts.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from math import log1p
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tasks.contracts.places import PREPARED
from tasks.data.preparing.batches import read_shard
from tasks.gates.baselines import word_margins
from tasks.training.bag_fitting import fit_bag_of_tokens
from tasks.training.objectives import Comparison
from tests.benchmarks.real_reward import Rows, accuracy, checked_pairs

Margins = NDArray[np.float64]
Parts = Mapping[str, Sequence[Margins]]  # name -> margins of the validation pairs, of the test pairs
COMBINATIONS: tuple[tuple[str, ...], ...] = (("length",), ("wording",), ("length", "wording"), ("bag of tokens",))


def main() -> None:
    """Print what every combination of parts ranks right."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kept", type=Path)
    kept = parser.parse_args().kept
    train, *asked = (read_shard(PREPARED / f"preferences_{part}.jsonl") for part in ("train", "validation", "test"))
    known, bag = texts(train), fit_bag_of_tokens(train, pad=0)
    beside: Parts = {
        "length": [lengths(rows) for rows in asked],
        "wording": [np.array(word_margins(known, texts(rows))) for rows in asked],
        "bag of tokens": [np.array(Comparison(bag, rows, pad=0).margins()) for rows in asked]}
    for names in COMBINATIONS:
        report("", {name: beside[name] for name in names}, asked[1])
    for label, margins in learned(kept).items():
        for names in ((), *COMBINATIONS):
            report(label, {"reward model": margins, **{name: beside[name] for name in names}}, asked[1])


def report(label: str, parts: Parts, test: Rows) -> None:
    """Print the accuracy of the sum of these parts, with equal and with fitted weights."""
    known, margins = (np.stack([found / root_mean_square(pair[0]) for pair, found in zip(
        parts.values(), side, strict=True)], axis=1) for side in zip(*parts.values(), strict=True))
    weights = fitted(known)
    print(json.dumps({
        "seed": label, "parts": list(parts), "equal": accuracy(margins.sum(1).tolist(), test),
        "weights": weights.round(3).tolist(), "fitted": accuracy((margins @ weights).tolist(), test)}), flush=True)


def root_mean_square(margins: Margins) -> float:
    """The unit of a part's margins."""
    return float(np.sqrt(np.mean(margins**2)))


def fitted(known: Margins) -> Margins:
    """Weights of parts, float [pairs, parts], that make the sums of validation pairs positive."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(fit_intercept=False)
    model.fit(np.concatenate((known, -known)), [1] * len(known) + [0] * len(known))
    weights: Margins = model.coef_[0]
    return weights


def learned(kept: Path) -> Parts:
    """The margins that tests.benchmarks.real_reward kept, by seed, and the mean of all seeds under `together`."""
    found = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(kept.glob("*.json"))}
    seeds = {seed: [np.array(one[part]) for part in ("validation", "test")] for seed, one in found.items()}
    alike = [[margins / root_mean_square(one[0]) for margins in one] for one in seeds.values()]
    return {**seeds, "together": [np.mean(side, axis=0) for side in zip(*alike, strict=True)]}


def lengths(rows: Rows) -> Margins:
    """Logarithm of the length of chosen less that of rejected, in characters."""
    return np.array([log1p(len(chosen)) - log1p(len(rejected)) for chosen, rejected in texts(rows)])


def texts(rows: Rows) -> list[tuple[str, str]]:
    """Chosen and rejected as they were written."""
    known = dict(checked_pairs())
    return [known[row["id"]] for row in rows]


if __name__ == "__main__":
    main()
