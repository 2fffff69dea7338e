"""Words that stand in one of the two answers and nearly always in the same one: a label that leaked into the text.

Words are counted by 16 bits of their CRC, so that the memory is bounded and no word is kept. Of long files all of the
first rows are counted and one in SAMPLED of the rest.
"""

from dataclasses import dataclass
from zlib import crc32

import numpy as np

from tasks.data.checks.balance import wilson_low
from tasks.data.rows.normal_text import ALL_TO_SPACE

WHOLE_LINES = 1000  # up to this line every pair is counted
SAMPLED = 16
BUCKETS = 1 << 16
PAIRS_AT_LEAST = 50
# Share of the pairs that it tells apart -> lower end of the 95 % interval of how often it does so rightly. Below the
# least share a word is part of what good answers say; what nearly every pair has needs fewer pairs to stand out.
RIGHT_AT_LEAST = ((0.5, 0.95), (0.9, 0.9))
CHOSEN, REJECTED = 0, 1


@dataclass(frozen=True)
class Marker:
    """The word that tells most pairs apart."""

    side: str  # the answer that it stands in: chosen or rejected
    pairs: int  # that were counted
    told_apart: int  # pairs with the word in one answer alone
    right: int  # of them those with it on that side
    first_line: int

    @property
    def stands_out(self) -> bool:
        """Whether it is a label rather than style."""
        return self.pairs >= PAIRS_AT_LEAST and any(
            self.told_apart >= share * self.pairs and wilson_low(self.right, self.told_apart) >= right
            for share, right in RIGHT_AT_LEAST)

    def sentence(self) -> str:
        """For a warning; the word itself is found on the line named."""
        return (f"label marker: one word stands in one answer alone in {self.told_apart:,} of {self.pairs:,} pairs, "
                f"and in {self.right:,} of these it is the {self.side} one (first on line {self.first_line})")

    def report(self) -> dict[str, object]:
        """Its part of the report."""
        return {"side": self.side, "pairs": self.pairs, "told_apart": self.told_apart, "right": self.right,
                "first_line": self.first_line}


def is_counted(line: int) -> bool:
    """Whether the pair on a line is counted."""
    return line <= WHOLE_LINES or line % SAMPLED == 0


def codes_of(chosen: str, rejected: str) -> list[int]:
    """One code for each word that one answer alone has: twice its bucket, and 1 more for the rejected side."""
    ours, theirs = _words(chosen), _words(rejected)
    return [*{crc32(word) % BUCKETS * 2 + CHOSEN for word in ours - theirs},
            *{crc32(word) % BUCKETS * 2 + REJECTED for word in theirs - ours}]


def _words(text: str) -> set[bytes]:
    if text.isascii():
        return set(text.encode().translate(ALL_TO_SPACE).split())
    return {word.encode("utf-8", "surrogatepass") for word in text.split()}


class Markers:
    """The counts of a file, from those of its blocks."""

    def __init__(self) -> None:
        self._counts = np.zeros(2 * BUCKETS, np.int64)
        self._first = np.full(2 * BUCKETS, np.iinfo(np.int64).max)
        self._pairs = 0

    def add(self, codes: np.ndarray, lines: np.ndarray, sizes: np.ndarray) -> None:
        """Take in pairs: the codes of each, one pair after the other, with its line and how many codes it has."""
        self._counts += np.bincount(codes, minlength=2 * BUCKETS)
        np.minimum.at(self._first, codes, np.repeat(lines, sizes))
        self._pairs += len(lines)

    def strongest(self) -> Marker | None:
        """The word whose side is right for most pairs over wrong; None where there is no pair."""
        sides = self._counts.reshape(BUCKETS, 2)
        lead = np.abs(sides[:, CHOSEN] - sides[:, REJECTED])
        bucket = int(lead.argmax())
        if not lead[bucket]:
            return None
        side = int(sides[bucket].argmax())
        return Marker(("chosen", "rejected")[side], self._pairs, int(sides[bucket].sum()), int(sides[bucket][side]),
                      int(self._first[2 * bucket + side]))
