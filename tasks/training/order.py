"""The order in which rows are seen: a function of seed and step alone, so that a resumed loop needs no memory."""

import torch


class ShuffledOrder:
    """Row numbers of an endless sequence of passes, each pass in an order of its own."""

    def __init__(self, rows: int, seed: int):
        if rows < 1:
            raise ValueError("there are no rows to put in order")
        self._rows, self._seed, self._pass = rows, seed, -1
        self._order: list[int] = []

    def batch(self, step: int, size: int) -> list[int]:
        """Return the row numbers of a step, from 0; a batch may cross the end of a pass."""
        return [self._row(place) for place in range(step * size, (step + 1) * size)]

    def _row(self, place: int) -> int:
        number, offset = divmod(place, self._rows)
        if number != self._pass:
            source = torch.Generator().manual_seed((self._seed * 1_000_003 + number) % 2**63)
            self._pass, self._order = number, torch.randperm(self._rows, generator=source).tolist()
        return self._order[offset]
