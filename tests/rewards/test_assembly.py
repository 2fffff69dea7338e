from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from tasks.contracts.reward_config import RewardConfig
from tasks.models.folders import load_scorer, save_model
from tasks.models.scoring import Reference
from tasks.rewards.assembly import assemble, function_files, model_folders, untaught_parts
from tasks.rewards.scale import RewardScale, Scale
from tasks.rewards.words import Words
from tests.models.tiny import tiny_model
from tests.rewards.batches import SAMPLES


def assembled(folder, members=1, **settings):
    save_model(tiny_model(), folder)
    scale = RewardScale((Scale(0.0, 1.0),) * members, "mean", 1.0, {})
    config = RewardConfig(**({"models": []} | settings))
    return assemble(config, scorers=[load_scorer(folder) for _ in range(members)], scale=scale,
                    reference=Reference(tiny_model()), pad=0, device=torch.device("cpu"))


def test_the_parts_of_params_read_prompt_and_answer():
    named = untaught_parts(Reference(tiny_model()), pad=0, unsafe_phrases=["share your pin"], compared=Words())
    parts = {name: part(SAMPLES).tolist() for name, part in named.items()}
    assert set(parts) == {"fluency", "richness", "relevance", "safety", "similarity"}
    assert parts["safety"] == [1.0, 0.0]
    assert parts["richness"] == pytest.approx([0.0, 5 / 9])  # too few words; share, pin, check, paper, tray


def test_the_likeness_to_a_reference_is_by_the_words_of_the_settings(tmp_path):
    samples = replace(SAMPLES, references=["now check the printer", "share your pin"])
    # of check, the, printer: 3 of 3 and 3 of 4; without "the" and "now" 2 of 2 and 2 of 2
    assert assembled(tmp_path)(samples)[1]["similarity"][0].item() == pytest.approx(6 / 7)
    without = assembled(tmp_path, similarity_words={"stop_words": ["the", "now"]})
    assert without(samples)[1]["similarity"][0].item() == 1.0


def test_every_part_is_paid_its_weight(tmp_path):
    total, parts = assembled(tmp_path, preference=0.5, richness=3.0, unsafe_phrases=["share your pin"],
                             safety=0.25)(SAMPLES)
    expected = 0.5 * parts["preference"] + torch.tensor([0.25, 3 * 5 / 9])  # safe; rich
    assert total.tolist() == pytest.approx(expected.tolist(), abs=1e-6)


def test_one_reward_model_has_no_spread_to_report_and_several_have(tmp_path):
    assert "preference_spread" not in assembled(tmp_path)(SAMPLES)[1]
    total, parts = assembled(tmp_path, members=2)(SAMPLES)
    assert (parts["preference_spread"] > 0).all()
    assert total.tolist() == pytest.approx(parts["preference"].tolist())  # it is not paid


def test_the_safety_constraint_of_the_settings_starts_as_they_say(tmp_path):
    reward = assembled(tmp_path, safety=0.5, unsafe_phrases=["share your pin"],
                       safety_constraint={"floor": 0.75, "learning_rate": 0.4, "start": 2.0})
    total, parts = reward(SAMPLES)
    assert (total - parts["preference"]).tolist() == pytest.approx([2.5, 0.0], abs=1e-6)
    assert reward.learn(parts) == {"safety_multiplier": pytest.approx(2.1)}  # 2 + 0.4 * (0.75 - 0.5)


def test_what_the_reward_reads_besides_the_builds_is_its_functions_and_the_models_that_lie_here(tmp_path):
    config = SimpleNamespace(
        functions=[SimpleNamespace(function="own/a.py:f"), SimpleNamespace(function="own/b.py:g")],
        models=[SimpleNamespace(path=str(tmp_path)), SimpleNamespace(path="house/model-of-the-hub")])
    assert [path.as_posix() for path in function_files(config)] == ["own/a.py", "own/b.py"]
    assert list(model_folders(config)) == [tmp_path]
