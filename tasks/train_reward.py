"""Stage: SFT model + comparisons and labels -> reward models, and their scores' scale on the SFT model's own answers.

One model, or an ensemble whose members differ in their seed: in the fresh score's layer and in the order of rows.
Where the settings say so, a linear model of the answers' tokens is one member more, and the last.
"""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import torch

from tasks.contracts.config import Params
from tasks.contracts.inputs import checkpoint_folder, require_dep
from tasks.contracts.places import PREPARED, REWARD, SFT
from tasks.contracts.reporting import Sink
from tasks.gates.ranking import area_under_curve
from tasks.models.bag_of_tokens import is_bag_of_tokens, load_bag_of_tokens, remove_bag_of_tokens
from tasks.models.checkpoints import remove_checkpoints
from tasks.models.folders import load_scorer, load_tokenizer, save_model
from tasks.models.scorers import POOLING, sequence_scores
from tasks.models.scoring import without_gradient
from tasks.rewards.assembly import model_folders, outside_models
from tasks.rewards.samples import Samples
from tasks.rewards.scale import RewardScale, scale_of
from tasks.training.answering import Answerer
from tasks.training.bag_fitting import fit_bag_of_tokens
from tasks.training.determinism import generator, settle
from tasks.training.devices import pick_device
from tasks.training.feedback import Feedback, Row, comparisons_of, teach
from tasks.training.members import PartOfSink
from tasks.training.objectives import Comparison, Verdicts
from tasks.training.prompts import heldout_prompts
from tasks.training.resuming import Snapshot

SCALE_FILE = "scale.json"  # tasks.rewards.scale.RewardScale
SCALE_PROMPTS = 256
MEMBER_SEEDS = 1000  # between two members' seeds; what else a stage draws lies within a few of params.seed


def train_reward(params: Params, sink: Sink) -> Mapping[str, float]:
    """Write build/reward; return training loss, validation accuracy (share of pairs in the right order), and scale.

    The loss is the mean over members; the accuracy is that of the mean of their standardised scores.
    """
    settle(params.seed, threads=params.threads)
    for folder in model_folders(params.reward):
        require_dep("train_reward", folder)
    device, tokenizer = pick_device(params.device), load_tokenizer(PREPARED / "tokenizer")
    members = range(1, params.reward_model.ensemble.members + 1)
    checkpoints = checkpoint_folder("train_reward")
    if params.reward_model.ensemble.bag_of_tokens:
        fit_bag_of_tokens(Feedback.read("train").comparisons, pad=tokenizer.pad_token_id).save(
            member_folder(len(members) + 1))
    losses = [train_member(number, params, sink, checkpoints, device, tokenizer) for number in members]
    scorers = load_members(len(members) + params.reward_model.ensemble.bag_of_tokens, device)
    scale = measure(scorers, params, device)
    (REWARD / SCALE_FILE).write_text(json.dumps(scale.as_json()), encoding="utf-8")
    remove_checkpoints(checkpoints)
    return {"loss": sum(losses) / len(losses), "validation_accuracy": accuracy(scorers, scale, params, tokenizer),
            "score_mean": scale.members[0].mean, "score_deviation": scale.members[0].deviation}


def member_folder(number: int) -> Path:
    """Where a member lies, counted from 1: the first in build/reward itself, the others below it."""
    return REWARD if number == 1 else REWARD / f"member-{number}"


def load_members(count: int, device: torch.device) -> list[torch.nn.Module]:
    """The saved reward models of the ensemble, first member first."""
    folders = [member_folder(number) for number in range(1, count + 1)]
    return [(load_bag_of_tokens if is_bag_of_tokens(folder) else load_scorer)(folder).to(device) for folder in folders]


def train_member(number: int, params: Params, sink: Sink, checkpoints: Path, device: torch.device, tokenizer) -> float:
    """Train and save one member and return its last loss; one that was finished before a break is not trained again."""
    members, kept = params.reward_model.ensemble.members, checkpoints / f"finished-{number}"
    part = PartOfSink(sink, number, members)
    seed = params.seed + MEMBER_SEEDS * (number - 1)
    scorer = new_scorer(params, device, seed=None if number == 1 else seed)
    snapshot = Snapshot({"model": scorer})
    found = snapshot.restore(kept)
    if found:
        part.replay(found[1]["numbers"])
    else:
        teach(scorer, Feedback.read("train"), params.reward_model, pad=tokenizer.pad_token_id, seed=seed, sink=part,
              checkpoints=checkpoints / f"member-{number}",
              what="train_reward" if members == 1 else f"train_reward, member {number} of {members}")
        if members > 1:
            snapshot.save(kept, len(part.numbers), state={"numbers": part.numbers})
    remove_bag_of_tokens(member_folder(number))
    save_model(scorer, member_folder(number))
    tokenizer.save_pretrained(member_folder(number))
    return part.numbers[-1]["loss"]


def new_scorer(params: Params, device: torch.device, *, seed: int | None = None):
    """The SFT model with a fresh score in place of its vocabulary, read as params.yaml says.

    Args:
        seed: of the score's layer; None: drawn from torch's global generator, which the stage has seeded.
    """
    scorer = load_scorer(SFT)
    if seed is not None:
        with torch.no_grad():
            scorer.score.weight.normal_(0.0, scorer.config.initializer_range, generator=generator(seed))
    setattr(scorer.config, POOLING, params.reward_model.pooling)
    return scorer.to(device)


def comparison(scorer, rows: Sequence[Row], params: Params, tokenizer) -> Comparison:
    """What a reward model learns, on rows of comparisons."""
    return comparisons_of(scorer, rows, params.reward_model, pad=tokenizer.pad_token_id)


def measure(scorers: Sequence[torch.nn.Module], params: Params, device: torch.device) -> RewardScale:
    """The scale of each saved member, and of each model from elsewhere, on the SFT model's sampled answers."""
    samples, ensemble = reference_answers(params, device), params.reward_model.ensemble
    members = [scale_of(without_gradient(partial(sequence_scores, scorer), samples.sequences), f"reward model {number}")
               for number, scorer in enumerate(scorers, 1)]
    sources = {name: model.fit(samples) for name, model in outside_models(params.reward, None, device).items()}
    return RewardScale(tuple(members), ensemble.combine, ensemble.variance_weight, sources)


def reference_answers(params: Params, device: torch.device) -> Samples:
    """Sampled answers of the SFT model to validation prompts, which are asked again where there are few."""
    return Answerer(SFT, device).answer(
        heldout_prompts(SCALE_PROMPTS), most_tokens=params.tokens.response, temperature=params.tokens.temperature,
        seed=params.seed)


def accuracy(scorers: Sequence[torch.nn.Module], scale: RewardScale, params: Params, tokenizer) -> float:
    """Share of validation pairs that the reward model puts in the right order.

    Where there are no comparisons, a pair is a good and a bad answer, whatever their prompts: the area under the ROC
    curve.
    """
    held_out = Feedback.read("validation")
    if not held_out.comparisons:
        good = [row["good"] for row in held_out.labels]
        return area_under_curve(label_scores(scorers, scale, held_out.labels, params, tokenizer), good)
    found = margins(scorers, scale, held_out.comparisons, params, tokenizer)
    return sum(margin > 0 for margin in found) / len(found)


def margins(scorers: Sequence[torch.nn.Module], scale: RewardScale, rows: Sequence[Row], params: Params,
            tokenizer) -> list[float]:
    """By how much chosen is above rejected in each comparison: the mean of the members' standardised scores."""
    return mean_of_members(scale, [comparison(scorer, rows, params, tokenizer).margins() for scorer in scorers])


def label_scores(scorers: Sequence[torch.nn.Module], scale: RewardScale, rows: Sequence[Row], params: Params,
                 tokenizer) -> list[float]:
    """The score of each labelled answer: the mean of the members' standardised scores, but for a constant."""
    return mean_of_members(scale, [
        Verdicts(scorer, rows, pad=tokenizer.pad_token_id).scores() for scorer in scorers])


def mean_of_members(scale: RewardScale, found: Sequence[Sequence[float]]) -> list[float]:
    """The mean over members of what each found of every row, in units of its own deviation."""
    total = torch.zeros(len(found[0]))
    for numbers, member in zip(found, scale.members, strict=True):
        total += torch.tensor(numbers) / member.deviation
    return (total / len(scale.members)).tolist()


def read_scale() -> RewardScale:
    """What train_reward wrote beside the reward model."""
    return RewardScale.from_json(json.loads((REWARD / SCALE_FILE).read_text(encoding="utf-8")))


if __name__ == "__main__":
    from tasks import stage

    stage.main(train_reward)
