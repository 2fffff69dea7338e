"""The reward that PPO maximises: a weighted sum of named parts, each kept apart for the log."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from tasks.contracts.errors import NotFinite
from tasks.models.scoring import Reference
from tasks.rewards import wording
from tasks.rewards.likelihood import Fluency, Relevance
from tasks.rewards.samples import Samples

Part = Callable[[Samples], Tensor]  # -> float [batch]


class ComposedReward:
    """A weighted sum. Parts of weight 0 are measured and logged too: they show what is being traded away."""

    def __init__(self, parts: Mapping[str, Part], weights: Mapping[str, float]):
        if set(parts) != set(weights):
            raise ValueError(f"parts {sorted(parts)} and weights {sorted(weights)} differ")
        self._parts, self._weights = dict(parts), dict(weights)

    def __call__(self, samples: Samples) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the total, float32 [batch], and each part before its weight.

        Raises:
            NotFinite: a part is NaN or infinite; it is named.
        """
        found = {name: part(samples) for name, part in self._parts.items()}
        for name, values in found.items():
            if not torch.isfinite(values).all():
                raise NotFinite("a reward is not finite", where=f"reward part {name}", wanted="finite numbers",
                                found=str(values[~torch.isfinite(values)][0].item()))
        total = torch.stack([self._weights[name] * values for name, values in found.items()]).sum(0)
        return total, found


def untaught_parts(reference: Reference, *, pad: int, unsafe_phrases: Sequence[str]) -> dict[str, Part]:
    """The parts that need no human label, by the names of params.yaml.

    Args:
        reference: the model that the policy started from.
    """
    return {
        "fluency": Fluency(reference),
        "richness": _each(wording.richness),
        "relevance": Relevance(reference, pad=pad),
        "safety": _each(lambda answer: wording.safety(answer, unsafe_phrases)),
    }


def _each(score: Callable[[str], float]) -> Part:
    def part(samples: Samples) -> Tensor:
        values = [score(answer) for answer in samples.answers]
        return torch.tensor(values, dtype=torch.float32, device=samples.sequences.tokens.device)

    return part
