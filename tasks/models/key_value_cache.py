"""A key-value cache with room for all that is to come, so that a step writes one token and copies nothing."""

from typing import Any

from torch import Tensor
from transformers.cache_utils import Cache, DynamicLayer


class RoomyLayer(DynamicLayer):
    """A layer's keys and values, float [batch, heads, time, width], as views of tensors with more time.

    Attributes:
        whole: those tensors.
        length: tokens that were read.

    Args:
        filled: the layer to go on from.
        room: tokens that may still come.
    """

    def __init__(self, filled: DynamicLayer, room: int):
        super().__init__()
        self.dtype, self.device, self.is_initialized = filled.dtype, filled.device, True
        keys, values = filled.keys, filled.values
        if keys is None or values is None:
            raise ValueError("a layer that has read nothing has no shape to make room in")
        self.whole = (_with_room(keys, room), _with_room(values, room))
        self._show(keys.shape[-2])

    def update(self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Write what the next tokens add and return all keys and values so far."""
        start, new = self.length, key_states.shape[-2]
        for whole, states in zip(self.whole, (key_states, value_states), strict=True):
            whole.narrow(-2, start, new).copy_(states)
        return self._show(start + new)

    def batch_select_indices(self, indices: Tensor) -> None:
        """Keep the rows at indices, int64 [n]."""
        keys, values = self.whole
        self.whole = (keys[indices], values[indices])
        self._show(self.length)

    def show_more(self, tokens: int) -> None:
        """Count what was written behind the layer's back as read."""
        self._show(self.length + tokens)

    def _show(self, length: int) -> tuple[Tensor, Tensor]:
        keys, values = (whole.narrow(-2, 0, length) for whole in self.whole)
        self.length, self.keys, self.values = length, keys, values
        return keys, values


def with_room(cache: Cache, tokens: int) -> Cache:
    """Give the layers of a cache room for more tokens, in place, and return it; layers of other kinds stay as they are.

    Args:
        tokens: that may still come; more raise a RuntimeError.
    """
    for index, layer in enumerate(cache.layers):
        if type(layer) is DynamicLayer and layer.is_initialized:
            cache.layers[index] = RoomyLayer(layer, tokens)
    return cache


def _with_room(filled: Tensor, room: int) -> Tensor:
    batch, heads, time, width = filled.shape
    whole = filled.new_zeros(batch, heads, time + room, width)
    whole.narrow(-2, 0, time).copy_(filled)
    return whole
