"""What is read token by token is what the model's own forward pass reads at once."""

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from tasks.contracts.learning_config import LoRAConfig
from tasks.models.adapters import with_adapters
from tasks.models.llama_reader import LlamaReader
from tasks.models.readers import ModelReader, begin_reading

TOKENS = torch.tensor([[0, 0, 5, 6, 7, 8, 9, 3], [1, 4, 3, 7, 6, 5, 4, 3], [0, 6, 2, 2, 9, 8, 7, 5]])
MASK = torch.tensor([[0, 0, 1, 1], [1, 1, 1, 1], [0, 1, 1, 1]])


def llama(**changes):
    torch.manual_seed(0)
    shape = {"vocab_size": 17, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2,
             "num_attention_heads": 4, "num_key_value_heads": 4, "max_position_embeddings": 32}
    return LlamaForCausalLM(LlamaConfig(**(shape | changes))).eval()


def gpt2():
    torch.manual_seed(0)
    return GPT2LMHeadModel(GPT2Config(vocab_size=17, n_positions=32, n_embd=16, n_layer=2, n_head=2)).eval()


def with_lora():
    return with_adapters(llama(), LoRAConfig(rank=2, alpha=4.0), generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def at_once(model, row, upto):
    tokens = TOKENS[row, int((MASK[row] == 0).sum()) : upto]  # without the padding
    return model(input_ids=tokens[None]).logits[0, -1]


@pytest.mark.parametrize(("model", "kind"), [
    (llama, LlamaReader),
    (lambda: llama(num_key_value_heads=2), LlamaReader),
    (lambda: llama(tie_word_embeddings=True, attention_bias=True, mlp_bias=True, head_dim=8), LlamaReader),
    (lambda: llama(rope_parameters={"rope_type": "linear", "factor": 2.0, "rope_theta": 500.0}), LlamaReader),
    (lambda: llama(hidden_act="gelu"), ModelReader), (with_lora, ModelReader), (gpt2, ModelReader)])
@torch.no_grad()
def test_scores_are_those_of_the_whole_row_at_once_though_rows_are_padded_and_leave(model, kind):
    made = model()
    scores, reader = begin_reading(made, TOKENS[:, :4], MASK, room=4)
    assert type(reader) is kind
    rows = [0, 1, 2]
    for upto in range(4, 8):
        for place, row in enumerate(rows):
            torch.testing.assert_close(scores[place], at_once(made, row, upto), atol=2e-6, rtol=0)
        if upto == 5:
            rows = [2, 0]
            reader.keep(torch.tensor(rows))
        scores = reader.read(TOKENS[rows, upto])


@torch.no_grad()
def test_rows_without_padding_need_no_mask():
    made = llama()
    _, reader = begin_reading(made, TOKENS[1:2, :4], MASK[1:2], room=4)
    torch.testing.assert_close(reader.read(TOKENS[1:2, 4])[0], at_once(made, 1, 5), atol=2e-6, rtol=0)
