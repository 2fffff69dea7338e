import math

import pytest
import torch

from tasks.contracts.errors import NotFinite
from tasks.contracts.learning_config import LanguageLoopConfig, LoRAConfig
from tasks.contracts.reporting import Silent
from tasks.models.adapters import load_adapter
from tasks.models.checkpoints import load_checkpoint
from tasks.models.folders import load_scorer, save_model
from tasks.models.scorers import sequence_scores
from tasks.models.sequences import join
from tasks.training import supervised
from tasks.training.objectives import Comparison, Imitation, Verdicts, mean_loss
from tasks.training.optimising import Learner, Part, adamw, descend, scheduled_rate
from tasks.training.order import ShuffledOrder
from tasks.training.supervised import train_supervised
from tests.models.tiny import PAD, tiny_model

CPU = torch.device("cpu")
CONFIG = LanguageLoopConfig(epochs=3.0, batch=4, learning_rate=0.01, warmup_share=0.1, final_share=0.1)
ROWS = [{"prompt": [1, 3 + i % 5], "response": [8 + i % 4, 2]} for i in range(24)]


class Stop(Exception):
    pass


class StopAt(Silent):
    """A watcher that pulls the plug after a step."""

    def __init__(self, step):
        self.at, self.seen = step, []

    def step(self, step, numbers):
        self.seen.append((step, numbers))
        if step == self.at:
            raise Stop


def train(folder, sink=None, config=CONFIG, rows=ROWS, **settings):
    model = tiny_model()
    objective = Imitation(model, rows, pad=PAD, most_tokens=config.micro_batch_tokens, packing=config.packing)
    train_supervised(model, len(rows), objective, config, seed=5, sink=sink or Silent(), checkpoints=folder,
                     what="test", **settings)
    return weights_of(model)


def weights_of(model):
    return torch.cat([weight.detach().flatten() for weight in model.parameters()])


def test_the_loop_learns(tmp_path):
    watcher = StopAt(None)
    train(tmp_path, watcher)
    assert len(watcher.seen) == 18  # 24 rows, 3 epochs, batches of 4
    first, last = watcher.seen[0][1]["loss"], watcher.seen[-1][1]["loss"]
    assert last < first - 1.0  # nats a token, from ln 17 = 2.83 at random towards ln(4) / 2 = 0.69


def test_the_same_seed_gives_the_same_weights(tmp_path):
    assert torch.equal(train(tmp_path / "a"), train(tmp_path / "b"))


def test_a_loop_broken_off_goes_on_and_ends_with_the_same_weights_and_the_same_numbers(tmp_path, monkeypatch):
    monkeypatch.setattr(supervised, "SAVE_EVERY", 5)
    whole = StopAt(None)
    expected = train(tmp_path / "whole", whole)
    with pytest.raises(Stop):
        train(tmp_path / "broken", StopAt(13))
    assert load_checkpoint(tmp_path / "broken")[1]["step"] == 10
    resumed = StopAt(None)
    assert torch.equal(train(tmp_path / "broken", resumed), expected)
    assert resumed.seen == whole.seen


def test_a_finished_loop_leaves_no_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr(supervised, "SAVE_EVERY", 5)
    train(tmp_path / "done")
    assert not (tmp_path / "done").exists()


def test_a_loss_that_is_not_finite_stops_with_its_step_and_leaves_the_weights(tmp_path):
    model = tiny_model()
    before = [weight.detach().clone() for weight in model.parameters()]

    def objective(rows):
        yield lambda: (next(model.parameters()).sum() * float("nan"), {})

    with pytest.raises(NotFinite, match="test, step 1"):
        train_supervised(model, 8, objective, CONFIG, seed=0, sink=Silent(), checkpoints=tmp_path, what="test")
    assert all(torch.equal(old, new) for old, new in zip(before, model.parameters(), strict=True))


def test_two_weights_with_one_gradient_each_get_their_own():
    class Sum(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = (torch.nn.Parameter(torch.zeros(3)) for _ in range(2))

    model = Sum()
    parts: list[Part] = [lambda: ((model.one + model.two).pow(2).sum() + (model.one + model.two).sum(), {})] * 2
    (numbers,) = descend([Learner(model, adamw(model, learning_rate=0.1), parts, "test")], clip=1e9)
    # each part's gradient is 2 * 0 + 1 in all six places; two parts make 2
    assert model.one.grad.tolist() == model.two.grad.tolist() == [2.0, 2.0, 2.0]
    assert numbers["gradient_norm"] == pytest.approx(24**0.5, abs=1e-6)


def test_every_row_is_seen_once_a_pass_in_another_order():
    order = ShuffledOrder(10, seed=3)
    passes = [order.batch(0, 5) + order.batch(1, 5), order.batch(2, 5) + order.batch(3, 5)]
    assert [sorted(one) for one in passes] == [list(range(10))] * 2
    assert passes[0] != passes[1]
    assert ShuffledOrder(10, seed=3).batch(3, 5) == passes[1][5:]  # no memory of earlier steps is needed


# 20 steps, a tenth of them warm-up: the peak is at step 1, half of the way down at 2 + 18 / 2 = 11, a third of it at
# 2 + 18 / 3 = 8; cos(pi / 3) = 1 / 2. The final share is 0.1.
@pytest.mark.parametrize(("schedule", "at_8", "at_11", "at_20"), [
    ("constant", 1.0, 1.0, 1.0),
    ("linear", 0.1 + 0.9 * 2 / 3, 0.1 + 0.9 / 2, 0.1),
    ("cosine", 0.1 + 0.9 * (1 + 0.5) / 2, 0.1 + 0.9 / 2, 0.1)])
def test_the_rate_rises_to_its_peak_and_falls_as_scheduled(schedule, at_8, at_11, at_20):
    config = LanguageLoopConfig(learning_rate=0.02, warmup_share=0.1, final_share=0.1, schedule=schedule)
    found = [scheduled_rate(step, 20, config) for step in (0, 1, 2, 8, 11, 20)]
    assert found == pytest.approx([0.01, 0.02, 0.02, 0.02 * at_8, 0.02 * at_11, 0.02 * at_20], abs=1e-12)


def test_a_loop_of_one_step_without_warm_up_runs_at_the_peak():
    assert scheduled_rate(0, 1, LanguageLoopConfig(learning_rate=0.02, warmup_share=0.0)) == 0.02


def test_a_mean_loss_weighs_rows_by_their_tokens():
    objective = Imitation(tiny_model(), [{"prompt": [1, 4], "response": [5, 2]}, {"prompt": [1], "response": [7] * 6}],
                          pad=PAD)
    short, long = (next(objective([row]))()[0].item() for row in (0, 1))
    assert mean_loss(objective, 2, CPU) == pytest.approx((2 * short + 6 * long) / 8, abs=1e-6)


def test_margins_are_score_of_chosen_less_score_of_rejected(tmp_path):
    save_model(tiny_model(), tmp_path)
    scorer = load_scorer(tmp_path)
    pairs = [{"prompt": [1, 4], "chosen": [5, 2], "rejected": [6, 7, 2]}] * 2
    good = sequence_scores(scorer, join([[1, 4]], [[5, 2]], pad=0)).item()
    bad = sequence_scores(scorer, join([[1, 4]], [[6, 7, 2]], pad=0)).item()
    comparison = Comparison(scorer, pairs, pad=PAD)
    assert comparison.margins() == pytest.approx([good - bad] * 2, abs=1e-6)
    assert next(comparison([0]))()[1]["accuracy"] == float(good > bad)


UNEQUAL = [{"prompt": [1, *range(3, 4 + i % 4)], "response": [*range(5, 6 + 3 * i % 8), 2]} for i in range(10)]
PAIRS = [{"prompt": row["prompt"], "chosen": row["response"], "rejected": other["response"], "margin": 0.1 * i}
         for i, (row, other) in enumerate(zip(UNEQUAL, UNEQUAL[3:] + UNEQUAL[:3], strict=True))]
JUDGED = [{**row, "good": i % 3 == 0} for i, row in enumerate(UNEQUAL)]


def scorer(folder):
    save_model(tiny_model(), folder)
    torch.manual_seed(1)
    return load_scorer(folder)


def whole_batch(model, objective):
    """Loss, numbers and gradients of all rows, and in how many parts they came."""
    model.zero_grad()
    parts = [part() for part in objective(range(10))]
    loss = sum(part for part, _ in parts)
    loss.backward()
    numbers = {name: sum(one[name] for _, one in parts) for name in parts[0][1]}
    return loss.item(), numbers, torch.cat([weight.grad.flatten() for weight in model.parameters()]), len(parts)


@pytest.mark.parametrize("objective", [
    lambda model, most: Comparison(model, PAIRS, pad=PAD, most_tokens=most, centring=0.01),
    lambda model, most: Verdicts(model, JUDGED, pad=PAD, most_tokens=most)], ids=["comparison", "verdicts"])
def test_a_scorer_has_the_same_gradient_in_small_parts_as_in_one(tmp_path, objective):
    model = scorer(tmp_path)
    at_once, in_parts = (whole_batch(model, objective(model, most)) for most in (10_000, 30))
    assert at_once[3] == 1
    assert in_parts[3] >= 4
    assert in_parts[0] == pytest.approx(at_once[0], abs=1e-6)
    assert in_parts[1] == pytest.approx(at_once[1], abs=1e-12)
    torch.testing.assert_close(in_parts[2], at_once[2], atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("packing", [False, True])
def test_a_language_model_has_the_same_gradient_in_small_parts_as_in_one(packing):
    model = tiny_model()
    at_once = whole_batch(model, Imitation(model, UNEQUAL, pad=PAD))
    in_parts = whole_batch(model, Imitation(model, UNEQUAL, pad=PAD, most_tokens=20, packing=packing))
    assert at_once[3] == 1
    assert in_parts[3] >= 4
    assert in_parts[0] == pytest.approx(at_once[0], abs=1e-6)
    torch.testing.assert_close(in_parts[2], at_once[2], atol=1e-6, rtol=1e-5)


def test_both_answers_of_a_pair_are_read_together(tmp_path):
    objective = Comparison(scorer(tmp_path), PAIRS, pad=PAD, most_tokens=1)
    parts = [part() for part in objective(range(10))]
    assert len(parts) == 10  # one pair each, however few tokens are allowed
    assert all(numbers["accuracy"] in (0.0, 0.1) for _, numbers in parts)


def test_a_margin_is_asked_for_row_by_row_and_scores_are_held_around_zero(tmp_path):
    model = scorer(tmp_path)
    pairs = [{"prompt": [1, 4], "chosen": [5, 2], "rejected": [6, 7, 2], "margin": 0.5},
             {"prompt": [1, 4], "chosen": [6, 7, 2], "rejected": [5, 2]}]
    lead = Comparison(model, pairs, pad=PAD).margins()[0]
    good, bad = (sequence_scores(model, join([[1, 4]], [answer], pad=PAD)).item() for answer in ([5, 2], [6, 7, 2]))
    expected = (math.log1p(math.exp(-(lead - 0.5))) + math.log1p(math.exp(lead))) / 2 + 0.3 * (good + bad) ** 2
    assert mean_loss(Comparison(model, pairs, pad=PAD, centring=0.3), 2, CPU) == pytest.approx(expected, abs=1e-6)


def test_verdicts_are_a_cross_entropy_of_each_answer_alone(tmp_path):
    model = scorer(tmp_path)
    first, second = (sequence_scores(model, join([[1, 4]], [answer], pad=PAD)).item() for answer in ([5, 2], [6, 7, 2]))
    rows = [{"prompt": [1, 4], "response": [5, 2], "good": True},
            {"prompt": [1, 4], "response": [6, 7, 2], "good": False}]
    expected = (math.log1p(math.exp(-first)) + math.log1p(math.exp(second))) / 2
    objective = Verdicts(model, rows, pad=PAD)
    assert mean_loss(objective, 2, CPU) == pytest.approx(expected, abs=1e-6)
    assert next(objective(range(2)))()[1] == {"accuracy": ((first > 0) + (second <= 0)) / 2}


def test_packed_and_padded_training_end_with_the_same_weights(tmp_path):
    padded = train(tmp_path / "a", config=CONFIG, rows=UNEQUAL)
    packed = train(tmp_path / "b", config=CONFIG.model_copy(update={"packing": True}), rows=UNEQUAL)
    untrained = weights_of(tiny_model())
    assert (padded - untrained).abs().max() > 0.01  # 8 steps
    torch.testing.assert_close(packed, padded, atol=1e-5, rtol=0)


def test_memory_may_be_saved_without_another_result(tmp_path):
    plain = train(tmp_path / "a")
    saving = train(tmp_path / "b", config=CONFIG.model_copy(update={"gradient_checkpointing": True}))
    torch.testing.assert_close(saving, plain, atol=1e-4, rtol=0)  # blocks that are computed again round otherwise


WITH_LORA = CONFIG.model_copy(update={"lora": LoRAConfig(rank=4, alpha=8.0)})


def test_adapters_learn_and_the_model_is_an_ordinary_one_again_with_the_adapters_beside_it(tmp_path):
    watcher = StopAt(None)
    merged = train(tmp_path / "checkpoints", watcher, WITH_LORA, adapter=tmp_path / "adapter")
    assert watcher.seen[-1][1]["loss"] < watcher.seen[0][1]["loss"] - 0.15  # the output layer stands still
    assert len(merged) == len(weights_of(tiny_model()))
    base = load_adapter(tiny_model(), tmp_path / "adapter")
    objective = Imitation(base, ROWS, pad=PAD)
    again = tiny_model()
    torch.nn.utils.vector_to_parameters(merged, again.parameters())
    assert mean_loss(objective, 24, CPU) == pytest.approx(mean_loss(Imitation(again, ROWS, pad=PAD), 24, CPU), abs=1e-6)


def test_a_loop_of_adapters_broken_off_goes_on_and_ends_the_same_with_adapters_alone_in_its_checkpoint(
        tmp_path, monkeypatch):
    monkeypatch.setattr(supervised, "SAVE_EVERY", 5)
    expected = train(tmp_path / "whole", config=WITH_LORA)
    with pytest.raises(Stop):
        train(tmp_path / "broken", StopAt(13), WITH_LORA)
    tensors, _ = load_checkpoint(tmp_path / "broken")
    kept = [name for name in tensors if name.startswith("model.")]
    assert len(kept) == 2 * 7 * 2  # two matrices beside each of 7 layers of 2 blocks
    assert all(".lora_" in name for name in kept)
    assert torch.equal(train(tmp_path / "broken", config=WITH_LORA), expected)
