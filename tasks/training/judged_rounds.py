"""The held-out rounds of a training, judged afterwards: the curve that shows over-optimisation."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch

from tasks.models.sequences import join
from tasks.rewards.samples import Samples
from tasks.training.judging import Judge
from tasks.training.players import Prompt


class Curve(Protocol):
    """The judge's gain over the distance gone."""

    def gain(self, kl_nats: float) -> float: ...


def judge_rounds(rounds: Sequence[dict[str, Any]], asked: Sequence[Prompt], tokenizer: Any, judge: Judge,
                 device: torch.device) -> None:
    """Give each round `judged`: the judge's scores of its answers, not asked for while the policy trained.

    Args:
        asked: the prompts that the answers of every round were given to.
    """
    ids, texts = [prompt.ids for prompt in asked], [prompt.text for prompt in asked]
    for one in rounds:
        responses = one["responses"]
        one["judged"] = judge(Samples(
            join(ids, responses, pad=tokenizer.pad_token_id, device=device), texts,
            tokenizer.batch_decode(responses, skip_special_tokens=True)))


def write_rounds(path: Path, rounds: Sequence[Mapping[str, Any]], curve: Curve | None) -> None:
    """Write the rounds as CSV: reward, KL and judge over the updates, and the fit where there is one."""
    start = _mean(rounds[0]["judged"])
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["update", "reward", "kl_nats", "judge", "judge_fit", "chosen"])
        writer.writerows([
            one["update"], one["reward"], one["kl_nats"], _mean(one["judged"]),
            "" if curve is None else start + curve.gain(one["kl_nats"]), int(one["chosen"])] for one in rounds)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
