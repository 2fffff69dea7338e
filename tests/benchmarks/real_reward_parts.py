"""Do features of wording and length beside a reward model rank more held-out comparisons right?

    python -m tests.benchmarks.real_reward ours --seeds 1 2 3 --pooling sum --keep build/unused/margins
    python -m tests.benchmarks.real_reward_parts build/unused/margins

Three parts give a margin for each comparison: the reward model (one seed, or the mean of all of them in units of their
root mean square), TF-IDF with logistic regression as in tasks.gates.baselines, and the difference of the logarithms of
the lengths in characters. Their weights are fitted on the validation pairs alone. One JSON line a combination, seeds
apart and together; intervals draw whole prompts.
"""

import argparse
import json
from collections.abc import Mapping
from itertools import combinations
from math import log1p
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tasks.contracts.places import PREPARED
from tasks.data.batches import read_shard
from tasks.gates.baselines import word_margins
from tests.benchmarks.real_reward import Rows, accuracy, checked_pairs, standard

Margins = NDArray[np.float64]
Parts = Mapping[str, tuple[Margins, Margins]]  # name -> margins of the validation pairs, of the test pairs


def main() -> None:
    """Print what every combination of parts ranks right."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kept", type=Path)
    kept = parser.parse_args().kept
    train, validation, test = (read_shard(PREPARED / f"preferences_{part}.jsonl")
                               for part in ("train", "validation", "test"))
    untaught = {"length": (lengths(validation), lengths(test)), "wording": wording(train, validation, test)}
    models = learned(kept)
    for names in some_of(untaught):
        report("", {name: untaught[name] for name in names}, test)
    for label, margins in models.items():
        for names in ((), *some_of(untaught)):
            report(label, {"reward model": margins, **{name: untaught[name] for name in names}}, test)


def some_of(names: Mapping[str, object]) -> list[tuple[str, ...]]:
    """Every choice of at least one."""
    return [some for count in range(1, len(names) + 1) for some in combinations(names, count)]


def report(label: str, parts: Parts, test: Rows) -> None:
    """Fit the weights of these parts and print the accuracy of their sum."""
    weights, margins = weighed(parts)
    found = {name: round(float(weight), 3) for name, weight in zip(parts, weights, strict=True)}
    print(json.dumps({"seed": label, "weights": found, **accuracy(margins.tolist(), test)}), flush=True)


def weighed(parts: Parts) -> tuple[Margins, Margins]:
    """Weights fitted on validation, of parts in units of their root mean square there, and the sum on test."""
    from sklearn.linear_model import LogisticRegression

    scales = [np.sqrt(np.mean(validation**2)) for validation, _ in parts.values()]
    known, asked = (np.stack([pair[side] / scale for pair, scale in zip(parts.values(), scales, strict=True)], axis=1)
                    for side in (0, 1))
    model = LogisticRegression(fit_intercept=False)
    model.fit(np.concatenate((known, -known)), [1] * len(known) + [0] * len(known))
    return model.coef_[0], model.decision_function(asked)


def learned(kept: Path) -> dict[str, tuple[Margins, Margins]]:
    """The margins that tests.benchmarks.real_reward kept, by seed, and the mean of all seeds under `together`."""
    found = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(kept.glob("*.json"))}
    seeds = {seed: tuple(np.array(standard(one[part])) for part in ("validation", "test"))
             for seed, one in found.items()}
    both = tuple(np.mean([one[side] for one in seeds.values()], axis=0) for side in (0, 1))
    return {**seeds, "together": both}


def lengths(rows: Rows) -> Margins:
    """Logarithm of the length of chosen less that of rejected, in characters."""
    return np.array([log1p(len(chosen)) - log1p(len(rejected)) for chosen, rejected in texts(rows)])


def texts(rows: Rows) -> list[tuple[str, str]]:
    """Chosen and rejected as they were written."""
    known = dict(checked_pairs())
    return [known[row["id"]] for row in rows]


def wording(train: Rows, *asked: Rows) -> tuple[Margins, ...]:
    """Margins of the TF-IDF regression that learns from the training pairs."""
    known = texts(train)
    return tuple(np.array(word_margins(known, texts(rows))) for rows in asked)


if __name__ == "__main__":
    main()
