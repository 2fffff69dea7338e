"""From the settings under `reward` to the reward itself: every part by its name, with its weight."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tasks.models.scoring import Reference
from tasks.rewards import wording
from tasks.rewards.composed import ComposedReward, Part
from tasks.rewards.constraint import SafetyConstraint
from tasks.rewards.functions import FunctionPart, file_of
from tasks.rewards.likelihood import Fluency, Relevance
from tasks.rewards.outside import OutsideModel, load_outside
from tasks.rewards.preference import Preference
from tasks.rewards.samples import Samples
from tasks.rewards.scale import RewardScale
from tasks.rewards.similarity import Similarity
from tasks.rewards.words import Words

if TYPE_CHECKING:
    from tasks.contracts.reward_config import RewardConfig

SPREAD = "preference_spread"  # how far the members of an ensemble disagree; logged, never paid


def assemble(config: "RewardConfig", *, scorers: Sequence[torch.nn.Module], scale: RewardScale, reference: Reference,
             pad: int, device: torch.device) -> ComposedReward:
    """Return the reward that the settings describe.

    Args:
        scorers: the reward models of the ensemble, first member first, on the device.
        scale: what was measured and decided when they were trained.
        reference: the model that the policy started from.
        pad: token id of the policy's tokenizer.

    Raises:
        ParamsInvalid: a function or a model from elsewhere cannot be used.
        Refused: a model from elsewhere was not measured.
    """
    learned = Preference(scorers, scale.members, combine=scale.combine, variance_weight=scale.variance_weight)
    own: dict[str, Part] = {
        "preference": learned, **untaught_parts(
            reference, pad=pad, unsafe_phrases=config.unsafe_phrases, compared=Words.of(config.similarity_words))}
    weights = {name: float(getattr(config, name)) for name in own}
    if len(scorers) > 1:
        own, weights = {**own, SPREAD: learned.spread}, {**weights, SPREAD: 0.0}
    named: dict[str, Part] = {
        **{one.name: FunctionPart(one.function) for one in config.functions}, **outside_models(config, scale, device)}
    weights |= {one.name: one.weight for one in config.functions} | {one.name: one.weight for one in config.models}
    return ComposedReward({**own, **named}, weights, _constraint(config))


def untaught_parts(reference: Reference, *, pad: int, unsafe_phrases: Sequence[str],
                   compared: Words) -> dict[str, Part]:
    """The parts that need no human label of what is better, by the names of params.yaml.

    Args:
        reference: the model that the policy started from.
        compared: what of an answer is compared with its reference.
    """
    return {
        "fluency": Fluency(reference),
        "richness": _each(wording.richness),
        "relevance": Relevance(reference, pad=pad),
        "safety": _each(lambda answer: wording.safety(answer, unsafe_phrases)),
        "similarity": Similarity(compared),
    }


def outside_models(config: "RewardConfig", scale: RewardScale | None, device: torch.device) -> dict[str, OutsideModel]:
    """The reward models from elsewhere, by their names; without a scale they are still to be fitted."""
    return {one.name: load_outside(one.path, most_tokens=one.most_tokens, name=one.name, device=device,
                                   scale=scale.source(one.name) if scale else None)
            for one in config.models}


def function_files(config: "RewardConfig") -> Iterator[Path]:
    """The files of the team's own functions; every stage that pays depends on them."""
    return (file_of(one.function) for one in config.functions)


def model_folders(config: "RewardConfig") -> Iterator[Path]:
    """The models from elsewhere that lie on this machine; every stage that pays or measures depends on them."""
    return (Path(one.path) for one in config.models if Path(one.path).exists())


def _constraint(config: "RewardConfig") -> SafetyConstraint | None:
    limits = config.safety_constraint
    if limits is None:
        return None
    return SafetyConstraint(limits.floor, limits.learning_rate, multiplier=limits.start)


def _each(score: Callable[[str], float]) -> Part:
    def part(samples: Samples) -> Tensor:
        values = [score(answer) for answer in samples.answers]
        return torch.tensor(values, dtype=torch.float32, device=samples.sequences.tokens.device)

    return part
