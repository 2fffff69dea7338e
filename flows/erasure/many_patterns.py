"""Whether bytes hold one of thousands of patterns, in one pass whatever their number.

Of each pattern the 8 bytes are taken that fewest patterns share. Each window of 8 bytes of a piece is hashed into a
table of these; where the table says perhaps, the patterns that have them are compared.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

WINDOW = 8  # bytes; no pattern is shorter
FEW = 8  # up to so many patterns are found faster one by one
LOOKED_AT = 256  # places in a pattern where its window may begin
_BITS = 22
_FACTOR = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio: spreads windows that differ little


class Patterns:
    """Patterns made ready for many pieces."""

    def __init__(self, patterns: Sequence[bytes]):
        self.longest = max(map(len, patterns), default=0)
        self._few = len(patterns) <= FEW or min(map(len, patterns)) < WINDOW
        self._patterns = tuple(patterns)
        self._by_window: dict[bytes, list[tuple[int, bytes]]] = {}  # window -> where in the pattern, pattern
        self._table = np.zeros(1 << _BITS, bool)
        shared = Counter(window for pattern in patterns for _, window in _windows(pattern))
        for pattern in () if self._few else patterns:
            offset, window = min(_windows(pattern), key=lambda one: shared[one[1]])
            self._by_window.setdefault(window, []).append((offset, pattern))
        if self._by_window:
            self._table[_hashes(np.frombuffer(b"".join(self._by_window), "<u8"))] = True

    def in_piece(self, piece: bytes) -> bool:
        """Whether one of them lies in a piece."""
        if self._few:
            return any(pattern in piece for pattern in self._patterns)
        return any(self._at(piece, shift) for shift in range(WINDOW))

    def _at(self, piece: bytes, shift: int) -> bool:
        count = (len(piece) - shift) // WINDOW
        if count <= 0:
            return False
        windows = np.frombuffer(piece, "<u8", count, shift)
        for place in np.flatnonzero(self._table[_hashes(windows)]) * WINDOW + shift:
            start = int(place)
            for offset, pattern in self._by_window.get(piece[start:start + WINDOW], ()):
                if start >= offset and piece.startswith(pattern, start - offset):
                    return True
        return False


def _windows(pattern: bytes) -> Iterator[tuple[int, bytes]]:
    return ((offset, pattern[offset:offset + WINDOW]) for offset in range(min(LOOKED_AT, len(pattern) - WINDOW + 1)))


def _hashes(windows: np.ndarray) -> np.ndarray:
    hashed: np.ndarray = (windows * _FACTOR) >> np.uint64(64 - _BITS)
    return hashed
