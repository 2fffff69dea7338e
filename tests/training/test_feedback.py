"""Comparisons and labels in one training: the loss by hand, and that labels alone teach to tell good from bad."""

import math
import random

import pytest
import torch

from tasks.contracts.learning_config import LoRAConfig, RewardModelConfig
from tasks.contracts.reporting import Silent
from tasks.gates.ranking import area_under_curve
from tasks.models.checkpoints import load_checkpoint
from tasks.models.folders import load_scorer, save_model
from tasks.models.scorers import sequence_scores
from tasks.models.sequences import join
from tasks.training import supervised
from tasks.training.feedback import Feedback, Joined, Offset, comparisons_of, teach
from tasks.training.objectives import Comparison, Verdicts
from tasks.training.supervised import train_supervised
from tests.models.tiny import PAD, tiny_model

CONFIG = RewardModelConfig(epochs=6.0, batch=8, learning_rate=0.01)


def row(words: list[int], good: bool, prompt: int = 3) -> dict:
    return {"prompt": [1, prompt], "response": [*words, 2], "good": good}


def toy(count: int, seed: int, *, good_share: float = 0.5) -> list[dict]:
    """Answers that are good where they hold more eights than nines; other words say nothing."""
    source, rows = random.Random(seed), []
    for number in range(count):
        good = source.random() < good_share
        words = [8 if good else 9] * 2 + [9 if good else 8] + [source.randint(10, 14) for _ in range(3)]
        source.shuffle(words)
        rows.append(row(words, good, 3 + number % 4))
    return rows


PAIRS = [{"prompt": [1, 3 + i % 4], "chosen": [8, 10 + i % 4, 2], "rejected": [9, 10 + i % 3, 2]} for i in range(20)]


@pytest.fixture
def scorer(tmp_path):
    save_model(tiny_model(), tmp_path / "start")
    torch.manual_seed(1)
    return load_scorer(tmp_path / "start")


class Numbers(Silent):
    def __init__(self, stop: int | None = None):
        self.stop = stop
        self.seen: list[tuple[int, dict[str, float]]] = []

    def step(self, step, numbers):
        self.seen.append((step, dict(numbers)))
        if step == self.stop:
            raise InterruptedError


def learn(model, feedback, folder, sink=None, config=CONFIG):
    teach(model, feedback, config, pad=PAD, seed=4, sink=sink or Silent(), checkpoints=folder / "checkpoints",
          what="test")
    return torch.cat([weight.detach().flatten() for weight in model.parameters()])


def score(model, prompt, answer):
    return sequence_scores(model, join([prompt], [answer], pad=PAD)).item()


def test_the_loss_of_a_batch_is_the_mean_over_its_rows_with_labels_weighed(scorer):
    pairs, labels, weight, offset = PAIRS[:2], [row([8, 8], True), row([9], False), row([8], True)], 0.25, 0.7
    verdicts = Verdicts(scorer, labels, pad=PAD, offset=torch.tensor(offset))
    parts = [part() for part in Joined(Comparison(scorer, pairs, pad=PAD), 2, verdicts, weight)([1, 2, 3, 4])]
    # plain Python: softplus(-x) = ln(1 + e^-x); row 0 is not in the batch, rows 2, 3, 4 are labels 0, 1, 2
    lead = score(scorer, pairs[1]["prompt"], pairs[1]["chosen"]) - score(
        scorer, pairs[1]["prompt"], pairs[1]["rejected"])
    above = [score(scorer, one["prompt"], one["response"]) - offset for one in labels]
    compared = math.log(1 + math.exp(-lead))
    judged = math.log(1 + math.exp(-above[0])) + math.log(1 + math.exp(above[1])) + math.log(1 + math.exp(-above[2]))
    assert sum(loss.item() for loss, _ in parts) == pytest.approx((compared + weight * judged) / 4, abs=1e-6)
    right = (lead > 0) + (above[0] > 0) + (above[1] <= 0) + (above[2] > 0)
    assert sum(numbers["accuracy"] for _, numbers in parts) == pytest.approx(right / 4, abs=1e-12)


@pytest.mark.parametrize("rows", [[0, 1], [2, 4]])
def test_a_batch_of_one_kind_alone_is_that_kinds_own(scorer, rows):
    labels = [row([8, 8], True), row([9], False), row([8], True)]
    comparison, verdicts = Comparison(scorer, PAIRS[:2], pad=PAD), Verdicts(scorer, labels, pad=PAD)
    (joined,) = [part() for part in Joined(comparison, 2, verdicts, 0.5)(rows)]
    (alone,) = [part() for part in (comparison(rows) if rows[0] < 2 else verdicts([one - 2 for one in rows]))]
    assert joined[0].item() == pytest.approx(alone[0].item() * (1.0 if rows[0] < 2 else 0.5), abs=1e-7)
    assert joined[1] == alone[1]


@pytest.mark.parametrize(("good", "bad", "start"), [
    (3, 3, 0.0), (9, 0, -math.log(19)), (0, 4, math.log(9)), (7, 2, -math.log(3))])  # (9.5 / 0.5) = 19; 7.5 / 2.5 = 3
def test_the_offset_begins_where_a_score_of_zero_is_as_good_as_the_labels(good, bad, start):
    rows = [{"good": True}] * good + [{"good": False}] * bad
    assert Offset(rows).value.item() == pytest.approx(start, abs=1e-6)


def test_the_offset_learns_and_is_no_part_of_the_model(scorer, tmp_path, monkeypatch):
    monkeypatch.setattr(supervised, "SAVE_EVERY", 5)
    names = [name for name, _ in scorer.named_parameters()]
    with pytest.raises(InterruptedError):
        learn(scorer, Feedback([], toy(64, 1, good_share=0.8)), tmp_path, Numbers(stop=11))
    kept = load_checkpoint(tmp_path / "checkpoints")[0]
    (offset,) = [tensor for name, tensor in kept.items() if name.startswith("model.") and name.endswith(".value")]
    assert offset.item() != Offset(toy(64, 1, good_share=0.8)).value.item()
    assert [name for name, _ in scorer.named_parameters()] == names


def test_beside_adapters_the_offset_learns_too_and_the_model_is_an_ordinary_one_again(scorer, tmp_path, monkeypatch):
    monkeypatch.setattr(supervised, "SAVE_EVERY", 5)
    names = [name for name, _ in scorer.named_parameters()]
    rows, config = toy(64, 1, good_share=0.8), CONFIG.model_copy(update={"lora": LoRAConfig(rank=4, alpha=8.0)})
    with pytest.raises(InterruptedError):
        learn(scorer, Feedback([], rows), tmp_path, Numbers(stop=11), config)
    kept = load_checkpoint(tmp_path / "checkpoints")[0]
    learning = [name for name in kept if name.startswith("model.")]
    (offset,) = [name for name in learning if name.endswith(".value")]
    assert kept[offset].item() != Offset(rows).value.item()
    assert all(".lora_" in name or name.endswith("score.weight") for name in learning if name != offset)
    other = load_scorer(tmp_path / "start")
    learn(other, Feedback([], rows), tmp_path / "whole", config=config)
    assert [name for name, _ in other.named_parameters()] == names


@pytest.mark.parametrize("good_share", [0.5, 0.9])
def test_labels_alone_teach_to_rank_good_answers_above_bad_ones(scorer, tmp_path, good_share):
    held_out = toy(60, 2)
    good = [one["good"] for one in held_out]
    before = area_under_curve(Verdicts(scorer, held_out, pad=PAD).scores(), good)
    learn(scorer, Feedback([], toy(160, 1, good_share=good_share)), tmp_path)
    assert before < 0.9
    assert area_under_curve(Verdicts(scorer, held_out, pad=PAD).scores(), good) > 0.95


def test_labels_that_say_nothing_teach_nothing(scorer, tmp_path):
    held_out = toy(60, 2)
    source = random.Random(5)
    rows = [one | {"good": source.random() < 0.5} for one in toy(160, 1)]
    learn(scorer, Feedback([], rows), tmp_path)
    area = area_under_curve(Verdicts(scorer, held_out, pad=PAD).scores(), [one["good"] for one in held_out])
    assert area < 0.95


def test_both_kinds_teach_in_one_training_and_the_weight_counts(tmp_path):
    save_model(tiny_model(), tmp_path / "start")

    def taught(weight: float) -> torch.nn.Module:
        torch.manual_seed(1)
        model = load_scorer(tmp_path / "start")
        learn(model, Feedback(PAIRS, toy(40, 1)), tmp_path, config=CONFIG.model_copy(update={"label_weight": weight}))
        return model

    light, heavy = taught(0.1), taught(1.0)
    assert all(margin > 0 for margin in Comparison(heavy, PAIRS, pad=PAD).margins())
    assert not torch.equal(light.score.weight, heavy.score.weight)


def test_without_labels_the_training_is_that_of_comparisons_to_the_last_bit(tmp_path):
    save_model(tiny_model(), tmp_path / "start")
    found = []
    for way in ("taught", "plain"):
        torch.manual_seed(1)
        model = load_scorer(tmp_path / "start")
        if way == "taught":
            found.append(learn(model, Feedback(PAIRS, []), tmp_path))
        else:
            train_supervised(model, len(PAIRS), comparisons_of(model, PAIRS, CONFIG, pad=PAD), CONFIG, seed=4,
                             sink=Silent(), checkpoints=tmp_path / "other", what="test")
            found.append(torch.cat([weight.detach().flatten() for weight in model.parameters()]))
    assert torch.equal(*found)


def test_a_training_on_both_kinds_broken_off_goes_on_and_ends_with_the_same_weights_and_numbers(tmp_path, monkeypatch):
    monkeypatch.setattr(supervised, "SAVE_EVERY", 5)
    save_model(tiny_model(), tmp_path / "start")

    def begin():
        torch.manual_seed(1)
        return load_scorer(tmp_path / "start")

    feedback, whole, resumed = Feedback(PAIRS, toy(40, 1, good_share=0.8)), Numbers(), Numbers()
    expected = learn(begin(), feedback, tmp_path / "whole", whole)
    with pytest.raises(InterruptedError):
        learn(begin(), feedback, tmp_path / "broken", Numbers(stop=13))
    assert torch.equal(learn(begin(), feedback, tmp_path / "broken", resumed), expected)
    assert resumed.seen == whole.seen
