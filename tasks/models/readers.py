"""Reading on: a model that has read some tokens of each row reads one more, and says what may follow."""

from typing import Any, Protocol

import torch
from torch import Tensor
from transformers.cache_utils import Cache

from tasks.models.captured import CapturedReader
from tasks.models.key_value_cache import with_room
from tasks.models.llama_reader import LlamaReader, is_readable_llama


class Reader(Protocol):
    """Has read the same number of tokens of every row, padding on the left included.

    Attributes:
        leave_at: the share of rows at which it is worth while to go on without the others; going on copies the cache.
    """

    leave_at: float

    def read(self, tokens: Tensor) -> Tensor:
        """Read one token a row, int64 [rows]; return the scores of what may follow, float [rows, vocabulary]."""
        ...

    def keep(self, rows: Tensor) -> None:
        """Go on with the rows at these numbers alone, int64 [n]."""
        ...


class ModelReader:
    """Any causal LM of transformers, by its own forward pass.

    Args:
        mask: int64 [rows, tokens so far], 0 on padding; None: there is none.
        places: int64 [rows], how many tokens of each row have counted so far.
    """

    leave_at = 0.75

    def __init__(self, model: Any, cache: Cache, mask: Tensor | None, places: Tensor):
        self._model, self._cache, self._mask, self._places = model, cache, mask, places

    def read(self, tokens: Tensor) -> Tensor:
        if self._mask is not None:
            self._mask = torch.cat((self._mask, self._mask.new_ones(len(self._mask), 1)), 1)
        output = self._model(input_ids=tokens[:, None], attention_mask=self._mask, position_ids=self._places[:, None],
                             past_key_values=self._cache, use_cache=True, logits_to_keep=1)
        self._places = self._places + 1
        return output.logits[:, -1]

    def keep(self, rows: Tensor) -> None:
        self._cache.batch_select_indices(rows)
        self._places = self._places[rows]
        self._mask = None if self._mask is None else self._mask[rows]


def begin_reading(model: Any, tokens: Tensor, mask: Tensor, room: int) -> tuple[Tensor, Reader]:
    """Read the first tokens of every row; return the scores of what may follow and a reader for the rest.

    Args:
        tokens: int64 [rows, time], padded on the left.
        mask: int64 [rows, time], 1 where a token counts.
        room: how many more tokens a row may be read.
    """
    padded = None if bool(mask.all()) else mask
    output = model(input_ids=tokens, attention_mask=padded, position_ids=(mask.cumsum(1) - 1).clamp(min=0),
                   use_cache=True, logits_to_keep=1)
    cache, places = with_room(output.past_key_values, room), mask.sum(1)
    if not is_readable_llama(model, cache):
        return output.logits[:, -1], ModelReader(model, cache, padded, places)
    reader = LlamaReader(model, cache, padded, places, room)
    return output.logits[:, -1], CapturedReader(reader) if places.is_cuda else reader
