"""A Llama's forward pass for one more token a row: the same weights and numbers in a third of the operations.

A step of a small model costs what its operations cost to start, not what they compute. So queries, keys and values come
from one product, gate and up from another, and queries and keys are turned together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import embedding, linear, rms_norm, scaled_dot_product_attention, silu
from transformers.cache_utils import Cache

from tasks.models.hidden_states import is_plain_llama
from tasks.models.key_value_cache import RoomyLayer
from tasks.models.precision import number_format

Layer = tuple[Tensor, Tensor | None]  # weight and bias


@dataclass(frozen=True)
class _Block:
    """A block's weights in the number format of the pass; norms are a weight and an epsilon."""

    before_attention: tuple[Tensor, float]
    queries_keys_values: Layer
    output: Layer
    before_gate: tuple[Tensor, float]
    gate_up: Layer
    down: Layer
    key_heads: int
    head: int  # width of one
    scaling: float


def is_readable_llama(model: Any, cache: Cache) -> bool:
    """Whether a model is a Llama whose layers may be taken apart, as its cache may."""
    from transformers.models.llama.modeling_llama import LlamaForCausalLM

    return (type(model) is LlamaForCausalLM and is_plain_llama(model.model) and model.config.hidden_act == "silu"
            and all(type(layer) is torch.nn.Linear for block in model.model.layers for layer in _layers(block))
            and all(type(layer) is RoomyLayer for layer in cache.layers))


def _layers(block: Any) -> list[Any]:
    attention, mlp = block.self_attn, block.mlp
    return [attention.q_proj, attention.k_proj, attention.v_proj, attention.o_proj, mlp.gate_proj, mlp.up_proj,
            mlp.down_proj]


class LlamaReader:
    """Reads on with the weights as they are when it is made.

    Attributes:
        leave_at: the share of rows at which it is worth while to go on without the others.

    Args:
        model: for which is_readable_llama holds.
        cache: what was read before, with room for what comes.
        mask: int64 [rows, tokens so far], 0 on padding; None: there is none.
        places: int64 [rows], how many tokens of each row have counted so far.
        room: how many more may come.
    """

    leave_at = 0.75

    def __init__(self, model: Any, cache: Cache, mask: Tensor | None, places: Tensor, room: int):
        body = model.model
        self._format = number_format(body.embed_tokens.weight)
        self._words, self._head = body.embed_tokens.weight, self._joined(model.lm_head)
        self._norm = (body.norm.weight.to(self._format), body.norm.variance_epsilon)
        self._blocks = [self._taken_apart(block) for block in body.layers]
        self.layers, self.places = [layer for layer in cache.layers if isinstance(layer, RoomyLayer)], places
        self.mask = None if mask is None else torch.nn.functional.pad(mask, (0, room), value=1).bool()[:, None, None]
        every = torch.arange(int(places.max()) + room, device=places.device)[None]
        self._cosines, self._sines = (
            turn[0].to(self._format) for turn in body.rotary_emb(self._words, position_ids=every))

    def read(self, tokens: Tensor) -> Tensor:
        """Read one token a row, int64 [rows]; return the scores of what may follow, float [rows, vocabulary]."""
        scores = self.scores_of(tokens, self.places, self.layers, self.mask)
        self.places = self.places + 1
        return scores

    def keep(self, rows: Tensor) -> None:
        """Go on with the rows at these numbers alone, int64 [n]."""
        for layer in self.layers:
            layer.batch_select_indices(rows)
        self.places = self.places[rows]
        self.mask = None if self.mask is None else self.mask[rows]

    def scores_of(self, tokens: Tensor, places: Tensor, layers: Sequence[Any], mask: Tensor | None) -> Tensor:
        """One step: nothing is remembered but by the layers, which are told the new keys and values by `update`.

        Args:
            tokens, places: int64 [rows], and how many tokens counted before each.
            mask: bool [rows, 1, 1, time or more], False on what may not be looked at.
        """
        states = embedding(tokens, self._words).to(self._format)
        turns = self._cosines[places, None], self._sines[places, None]  # [rows, 1, head]
        for block, layer in zip(self._blocks, layers, strict=True):
            states = _through(block, layer, states, turns, mask)
        return linear(_normed(states, self._norm), *self._head)

    def _taken_apart(self, block: Any) -> _Block:
        queries, keys, values, output, gate, up, down = _layers(block)
        norms = [(norm.weight.to(self._format), norm.variance_epsilon)
                 for norm in (block.input_layernorm, block.post_attention_layernorm)]
        head = block.self_attn.head_dim
        return _Block(norms[0], self._joined(queries, keys, values), self._joined(output), norms[1],
                      self._joined(gate, up), self._joined(down), keys.out_features // head, head,
                      block.self_attn.scaling)

    def _joined(self, *layers: Any) -> Layer:
        """Several layers as one, whose outputs lie side by side; one alone is not copied."""
        weights, biases = [layer.weight for layer in layers], [layer.bias for layer in layers if layer.bias is not None]
        weight = weights[0] if len(layers) == 1 else torch.cat(weights)
        bias = torch.cat(biases).to(self._format) if biases else None
        return weight.to(self._format), bias


def _through(block: _Block, layer: Any, states: Tensor, turns: tuple[Tensor, Tensor], mask: Tensor | None) -> Tensor:
    heads = linear(_normed(states, block.before_attention), *block.queries_keys_values).unflatten(
        -1, (-1, block.head))  # [rows, heads, head]
    turned = _turned(heads[:, : -block.key_heads], *turns)
    keys, values = layer.update(turned[:, -block.key_heads :, None], heads[:, -block.key_heads :, None])
    attended = scaled_dot_product_attention(
        turned[:, : -block.key_heads, None], keys, values, scale=block.scaling,
        attn_mask=None if mask is None else mask[..., : keys.shape[-2]],
        enable_gqa=block.key_heads < turned.shape[1] - block.key_heads)
    states = states + linear(attended.flatten(1), *block.output)
    gate, up = linear(_normed(states, block.before_gate), *block.gate_up).chunk(2, -1)
    return states + linear(silu(gate) * up, *block.down)


def _normed(states: Tensor, norm: tuple[Tensor, float]) -> Tensor:
    return rms_norm(states, states.shape[-1:], *norm)


def _turned(heads: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """Rotary embedding (arXiv:2104.09864) of [rows, heads, head], as transformers lays it out: halves, not pairs."""
    first, second = heads.chunk(2, -1)
    return heads * cosines + torch.cat((-second, first), -1) * sines
