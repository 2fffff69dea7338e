"""A step of sampling as one CUDA graph: a GPU that waits for Python to start its kernels one by one is idle mostly.

A graph replays the same kernels on the same memory, so the cache has its whole length from the start, what is not yet
written is masked, and the place of the next token lies in memory too.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from tasks.models.key_value_cache import RoomyLayer
from tasks.models.llama_reader import LlamaReader

WARM_UP = 3  # steps before a capture, in which libraries settle which kernels they take


class WholeLayer:
    """Keys and values of a layer in their whole length; the next token's go where `place` says."""

    def __init__(self, filled: RoomyLayer, place: Tensor):
        self._whole, self._place = filled.whole, place

    def update(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Write what the next token adds, float [rows, heads, 1, width], and return all, written or not."""
        for whole, states in zip(self._whole, (keys, values), strict=True):
            whole.index_copy_(-2, self._place, states)
        return self._whole


class StaticStep:
    """A LlamaReader's step on memory that never moves, whatever device it is on.

    Args:
        reader: has read the first tokens; it is used up.
    """

    def __init__(self, reader: LlamaReader):
        layers = reader.layers
        self.place = torch.tensor([layers[0].length], device=reader.places.device)
        self.places, self.tokens = reader.places.clone(), torch.zeros_like(reader.places)
        width = layers[0].whole[0].shape[-2]
        self.seen = torch.arange(width, device=self.place.device).expand(len(self.places), 1, 1, width) < self.place
        if reader.mask is not None:
            self.seen &= reader.mask
        self.layers, self._reader = [WholeLayer(layer, self.place) for layer in layers], reader

    def __call__(self) -> Tensor:
        """Read `tokens` and return the scores of what may follow, float [rows, vocabulary]."""
        self.seen.index_fill_(-1, self.place, True)
        scores = self._reader.scores_of(self.tokens, self.places, self.layers, self.seen)
        self.places += 1
        self.place += 1
        return scores

    @contextmanager
    def taken_back(self) -> Iterator[None]:
        """Whatever steps are taken inside have not been; what they wrote is written over by the next."""
        kept = [tensor.clone() for tensor in (self.place, self.places, self.seen)]
        yield
        for tensor, before in zip((self.place, self.places, self.seen), kept, strict=True):
            tensor.copy_(before)


class CapturedReader:
    """A LlamaReader on a GPU whose step was captured; tasks.models.readers.Reader says what it does.

    The scores that read returns are written over by the next read.
    """

    leave_at = 0.5  # a share of rows that stay; each cut is captured anew

    def __init__(self, reader: LlamaReader):
        self._reader = reader
        self._begin()

    def read(self, tokens: Tensor) -> Tensor:
        """Read one token a row, int64 [rows]; return the scores of what may follow, float [rows, vocabulary]."""
        self._step.tokens.copy_(tokens)
        self._graph.replay()
        self._read += 1
        return self._scores

    def keep(self, rows: Tensor) -> None:
        """Go on with the rows at these numbers alone, int64 [n]."""
        for layer in self._reader.layers:
            layer.show_more(self._read)
        self._reader.places = self._step.places
        self._reader.keep(rows)
        self._begin()

    def _begin(self) -> None:
        self._read, self._step, self._graph = 0, StaticStep(self._reader), torch.cuda.CUDAGraph()
        aside, strict = torch.cuda.Stream(), torch.are_deterministic_algorithms_enabled()
        torch.use_deterministic_algorithms(False)  # else index_copy_ sorts; one place a step is the same either way
        try:
            aside.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(aside):
                for _ in range(WARM_UP):
                    with self._step.taken_back():
                        self._step()
            torch.cuda.current_stream().wait_stream(aside)
            with torch.cuda.graph(self._graph):
                self._scores = self._step()
        finally:
            torch.use_deterministic_algorithms(strict)
