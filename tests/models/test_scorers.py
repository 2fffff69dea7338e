import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from tasks.models.folders import load_scorer, save_model
from tasks.models.scorers import POOLING, response_values, sequence_scores
from tasks.models.sequences import join
from tests.models.tiny import tiny_model

SEQUENCES = join([[1, 5], [1, 6, 3]], [[7, 2], [8, 9, 2]], pad=0)


@pytest.fixture
def scorer(tmp_path):
    save_model(tiny_model(), tmp_path)
    torch.manual_seed(1)
    return load_scorer(tmp_path)


def scores_of_tokens(scorer, tokens):
    """The score at each token of one sequence, by the model's own layers."""
    return scorer.score(scorer.model(input_ids=torch.tensor([tokens])).last_hidden_state)[0, :, 0].tolist()


def test_a_score_is_read_at_the_last_token_whatever_the_padding(scorer):
    expected = [scores_of_tokens(scorer, [1, 5, 7, 2])[-1], scores_of_tokens(scorer, [1, 6, 3, 8, 9, 2])[-1]]
    assert sequence_scores(scorer, SEQUENCES).tolist() == pytest.approx(expected, abs=1e-6)


def test_a_summed_score_adds_the_response_tokens_and_leaves_the_prompt_out(scorer):
    setattr(scorer.config, POOLING, "sum")
    expected = [sum(scores_of_tokens(scorer, [1, 5, 7, 2])[2:]), sum(scores_of_tokens(scorer, [1, 6, 3, 8, 9, 2])[3:])]
    assert sequence_scores(scorer, SEQUENCES).tolist() == pytest.approx(expected, abs=1e-6)


def test_a_saved_reward_model_says_how_it_is_read(scorer, tmp_path):
    setattr(scorer.config, POOLING, "sum")
    save_model(scorer, tmp_path / "saved")
    again = load_scorer(tmp_path / "saved")
    assert torch.equal(sequence_scores(again, SEQUENCES), sequence_scores(scorer, SEQUENCES))


def test_a_value_is_read_before_its_token(scorer):
    values = response_values(scorer, SEQUENCES)
    assert values[0].tolist() == pytest.approx([*scores_of_tokens(scorer, [1, 5, 7])[1:], 0.0], abs=1e-6)
    assert values[1].tolist() == pytest.approx(scores_of_tokens(scorer, [1, 6, 3, 8, 9])[2:], abs=1e-6)


@pytest.mark.parametrize("kind", ["cohere", "codegen"])
def test_a_kind_for_which_transformers_has_no_scorer_gets_one_that_loads_again(kind, tmp_path):
    shape = {"n_embd": 16, "n_layer": 1, "n_head": 4, "rotary_dim": 4} if kind == "codegen" else {
        "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 4}
    torch.manual_seed(0)
    causal = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, vocab_size=17, **shape)).eval()
    save_model(causal, tmp_path)
    scorer = load_scorer(tmp_path)
    body = dict(causal.base_model.named_parameters())
    for name, weight in scorer.base_model.named_parameters():
        assert torch.equal(weight, body[name])
    setattr(scorer.config, POOLING, "sum")
    save_model(scorer, tmp_path / "saved")
    again = load_scorer(tmp_path / "saved")
    assert torch.equal(sequence_scores(again, SEQUENCES), sequence_scores(scorer, SEQUENCES))
    assert load_scorer(tmp_path).score.weight.shape == (1, 16)
