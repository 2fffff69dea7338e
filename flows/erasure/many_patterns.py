"""Whether bytes hold one of thousands of patterns, in one pass whatever their number.

Each window of 8 bytes is hashed into a table of the patterns' first 8 bytes; where the table says perhaps, the patterns
that begin so are compared.
"""

from collections.abc import Sequence

import numpy as np

WINDOW = 8  # bytes; no pattern is shorter
FEW = 8  # up to so many patterns are found faster one by one
_BITS = 22
_FACTOR = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio: spreads windows that differ little


class Patterns:
    """Patterns made ready for many pieces."""

    def __init__(self, patterns: Sequence[bytes]):
        self.longest = max(map(len, patterns), default=0)
        self._few = len(patterns) <= FEW or min(map(len, patterns)) < WINDOW
        self._patterns = tuple(patterns)
        self._by_start: dict[bytes, list[bytes]] = {}
        self._table = np.zeros(1 << _BITS, bool)
        for pattern in () if self._few else patterns:
            self._by_start.setdefault(pattern[:WINDOW], []).append(pattern)
        if self._by_start:
            self._table[_hashes(np.frombuffer(b"".join(self._by_start), "<u8"))] = True

    def in_piece(self, piece: bytes) -> bool:
        """Whether one of them lies in a piece."""
        if self._few:
            return any(pattern in piece for pattern in self._patterns)
        return any(self._begins_in(piece, shift) for shift in range(WINDOW))

    def _begins_in(self, piece: bytes, shift: int) -> bool:
        count = (len(piece) - shift) // WINDOW
        if count <= 0:
            return False
        windows = np.frombuffer(piece, "<u8", count, shift)
        for place in np.flatnonzero(self._table[_hashes(windows)]) * WINDOW + shift:
            start = int(place)
            if any(piece.startswith(one, start) for one in self._by_start.get(piece[start:start + WINDOW], ())):
                return True
        return False


def _hashes(windows: np.ndarray) -> np.ndarray:
    hashed: np.ndarray = (windows * _FACTOR) >> np.uint64(64 - _BITS)
    return hashed
