import pytest
import torch

from tasks.contracts.errors import NotFinite
from tasks.models.folders import load_scorer, save_model
from tasks.models.scorers import sequence_scores
from tasks.models.scoring import Reference
from tasks.models.sequences import join
from tasks.rewards.composed import ComposedReward, untaught_parts
from tasks.rewards.preference import Preference
from tasks.rewards.samples import Samples
from tests.models.tiny import tiny_model

SAMPLES = Samples(join([[1, 5], [1, 6]], [[7, 2], [8, 9, 2]], pad=0), ["fix my printer", "fix my phone"],
                  ["check the printer.", "share your pin and then check the paper tray"])


def constant(*values):
    return lambda samples: torch.tensor(values)


def test_the_total_is_the_weighted_sum_and_each_part_is_kept_apart():
    reward = ComposedReward({"a": constant(1.0, 2.0), "b": constant(10.0, 0.0)}, {"a": 0.5, "b": 0.1})
    total, parts = reward(SAMPLES)
    assert total.tolist() == pytest.approx([1.5, 1.0])
    assert parts["b"].tolist() == [10.0, 0.0]


def test_a_part_of_weight_zero_is_measured_and_not_paid():
    total, parts = ComposedReward({"a": constant(1.0, 2.0), "b": constant(3.0, 4.0)}, {"a": 1.0, "b": 0.0})(SAMPLES)
    assert total.tolist() == [1.0, 2.0]
    assert parts["b"].tolist() == [3.0, 4.0]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_reward_that_is_not_finite_stops_with_the_name_of_its_part(bad):
    with pytest.raises(NotFinite, match="reward part broken"):
        ComposedReward({"broken": constant(1.0, bad)}, {"broken": 0.0})(SAMPLES)


def test_a_part_without_a_weight_is_refused():
    with pytest.raises(ValueError, match="differ"):
        ComposedReward({"a": constant(1.0)}, {})


def test_the_parts_of_params_read_prompt_and_answer():
    named = untaught_parts(Reference(tiny_model()), pad=0, unsafe_phrases=["share your pin"])
    parts = {name: part(SAMPLES).tolist() for name, part in named.items()}
    assert set(parts) == {"fluency", "richness", "relevance", "safety"}
    assert parts["safety"] == [1.0, 0.0]
    assert parts["richness"] == pytest.approx([0.0, 5 / 9])  # too few words; share, pin, check, paper, tray


def test_the_learned_preference_is_standardised(tmp_path):
    save_model(tiny_model(), tmp_path)
    torch.manual_seed(1)
    scorer = load_scorer(tmp_path)
    raw = sequence_scores(scorer, SAMPLES.sequences)
    found = Preference(scorer, mean=0.5, deviation=2.0)(SAMPLES)
    assert found.tolist() == pytest.approx([(value - 0.5) / 2.0 for value in raw.tolist()], abs=1e-6)


def test_a_reward_model_without_spread_is_refused():
    with pytest.raises(ValueError, match="deviation=0"):
        Preference(None, mean=0.0, deviation=0.0)


def test_a_score_is_read_at_the_last_token_whatever_the_padding(tmp_path):
    save_model(tiny_model(), tmp_path)
    scorer = load_scorer(tmp_path)
    alone = sequence_scores(scorer, join([[1, 5]], [[7, 2]], pad=0))
    assert sequence_scores(scorer, SAMPLES.sequences)[0].item() == pytest.approx(alone[0].item(), abs=1e-6)
