"""What a model makes of some places of its input, before its output layer.

On a CPU arithmetic is what a pass costs, so a Llama is read there without its padding (tasks.models.unpadded).
"""

import torch
from torch import Tensor

from tasks.models.unpadded import unpadded_states


def hidden_states_at(model, tokens: Tensor, rows: Tensor, columns: Tensor, positions: Tensor | None = None) -> Tensor:
    """Return the last hidden states at [rows, columns], float [places, hidden].

    Args:
        model: of transformers, causal, in eval mode (no dropout).
        tokens: int64 [batch, time], right-padded or packed.
        rows, columns: int64 [places].
        positions: int64 [batch, time]; None where each row is one sequence.
    """
    body = model.base_model
    if positions is None and tokens.device.type == "cpu" and len(columns) and is_plain_llama(body):
        return unpadded_states(body, tokens, rows, columns)
    placed = {} if positions is None else {"position_ids": positions}  # not every model takes them
    return body(input_ids=tokens, use_cache=False, **placed).last_hidden_state[rows, columns]


def is_plain_llama(body: torch.nn.Module) -> bool:
    """Whether the body is a Llama whose blocks may be taken apart: nobody has wrapped or hooked them."""
    from transformers.models.llama.modeling_llama import LlamaAttention, LlamaDecoderLayer, LlamaModel

    if type(body) is not LlamaModel or body.config._attn_implementation != "sdpa":
        return False
    return bool(len(body.layers)) and all(
        type(block) is LlamaDecoderLayer and type(block.self_attn) is LlamaAttention
        and not _changed(block) and not _changed(block.self_attn) for block in body.layers)


def _changed(module: torch.nn.Module) -> bool:
    return bool("forward" in vars(module) or module._forward_hooks or module._forward_pre_hooks
                or module._backward_hooks or module._backward_pre_hooks)
