import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from tasks.models import hidden_states
from tasks.models.hidden_states import hidden_states_at
from tests.models.tiny import tiny_model

TOKENS = torch.tensor([[1, 5, 6, 7, 8, 2], [1, 4, 3, 2, 0, 0]])
ROWS, COLUMNS = torch.tensor([0, 0, 1, 1]), torch.tensor([2, 5, 3, 1])


def llama(**changes):
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(**(dict(
        vocab_size=17, hidden_size=16, intermediate_size=24, num_hidden_layers=3, num_attention_heads=4,
        num_key_value_heads=4, max_position_embeddings=32) | changes))).eval()


def gpt2():
    torch.manual_seed(0)
    return GPT2LMHeadModel(GPT2Config(vocab_size=17, n_positions=16, n_embd=16, n_layer=2, n_head=2)).eval()


def whole(model, rows=ROWS, columns=COLUMNS):
    """The same states from transformers' own forward pass."""
    return model.base_model(input_ids=TOKENS, use_cache=False).last_hidden_state[rows, columns]


MAKERS = {
    "llama": llama,
    "two heads share keys": lambda: llama(num_key_value_heads=2),
    "biases": lambda: llama(attention_bias=True, mlp_bias=True),
    "one block": lambda: llama(num_hidden_layers=1),
    "stretched positions": lambda: llama(rope_parameters={"rope_type": "linear", "factor": 2.0, "rope_theta": 1e4}),
    "gpt2": gpt2,
}


@pytest.mark.parametrize("name", MAKERS)
def test_the_states_are_those_of_the_whole_pass(name):
    model = MAKERS[name]()
    torch.testing.assert_close(hidden_states_at(model, TOKENS, ROWS, COLUMNS), whole(model), atol=2e-6, rtol=0)


@pytest.mark.parametrize("name", MAKERS)
def test_the_gradients_are_those_of_the_whole_pass(name):
    gradients = []
    for states in (lambda model: hidden_states_at(model, TOKENS, ROWS, COLUMNS), whole):
        model = MAKERS[name]()
        (states(model) * torch.linspace(-1, 1, 16)).square().sum().backward()
        gradients.append({weight_name: weight.grad for weight_name, weight in model.named_parameters()})
    for weight_name, gradient in gradients[1].items():
        torch.testing.assert_close(gradients[0][weight_name], gradient, atol=2e-5, rtol=1e-4)


def tokens_through(layer, model, rows, columns):
    """How many tokens a layer computes."""
    seen = []
    hook = layer.register_forward_hook(lambda _module, _inputs, output: seen.append(output.numel() // output.shape[-1]))
    hidden_states_at(model, TOKENS, torch.tensor(rows), torch.tensor(columns))
    hook.remove()
    return seen


def test_tokens_behind_the_last_wanted_place_of_a_row_are_not_computed():
    model = tiny_model()
    first = model.model.layers[0]
    # row 0 is wanted up to column 3, which are 4 tokens; row 1 up to column 1, which are 2
    assert tokens_through(first.mlp, model, [0, 0, 1], [2, 3, 1]) == [6]
    assert tokens_through(first.mlp, model, [1], [4]) == [5]


def test_the_last_block_is_computed_for_the_wanted_places_and_knows_all_before_them():
    model = tiny_model()
    last = model.model.layers[-1]
    assert tokens_through(last.self_attn.q_proj, model, [0, 0, 1], [2, 3, 1]) == [3]
    assert tokens_through(last.mlp, model, [0, 0, 1], [2, 3, 1]) == [3]
    assert tokens_through(last.self_attn.k_proj, model, [0, 0, 1], [2, 3, 1]) == [6]


def test_a_row_of_which_nothing_is_wanted_costs_nothing_and_changes_nothing():
    model, rows, columns = tiny_model(), torch.tensor([1, 1]), torch.tensor([1, 3])
    torch.testing.assert_close(hidden_states_at(model, TOKENS, rows, columns), whole(model, rows, columns),
                               atol=2e-6, rtol=0)


def test_a_model_with_a_block_that_somebody_listens_to_is_run_as_it_is():
    model, heard = tiny_model(), []
    model.model.layers[0].register_forward_hook(lambda *_: heard.append(1))
    torch.testing.assert_close(hidden_states_at(model, TOKENS, ROWS, COLUMNS), whole(model), atol=0, rtol=0)
    assert len(heard) == 2  # by both


def test_no_places_give_no_states():
    nothing = torch.zeros(0, dtype=torch.long)
    assert hidden_states_at(tiny_model(), TOKENS, nothing, nothing).shape == (0, 16)


def test_a_plain_llama_takes_the_short_way_and_others_do_not():
    assert hidden_states.is_plain_llama(llama().base_model)
    assert not hidden_states.is_plain_llama(gpt2().base_model)
    listened_to = llama()
    listened_to.model.layers[1].self_attn.register_forward_pre_hook(lambda *_: None)
    assert not hidden_states.is_plain_llama(listened_to.base_model)
