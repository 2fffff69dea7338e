"""MinHash signatures of texts: what can be compared of a million texts to find those that are nearly the same.

Broder 1997, "On the resemblance and containment of documents": the share of equal minima of two texts' shingles over
many permutations estimates their Jaccard similarity. A shingle is SHINGLE_WORDS words in a row; signs of scripts
without spaces are a word each. The permutations are those of the library rensa.

Of each minimum only the low 8 bits are kept, as in Li and König 2010, arXiv:0910.3349: two other minima share them once
in 256, which similarity() takes out again.
"""

import re
from collections.abc import Sequence

import numpy as np

from tasks.data.rows.unicode_forms import nfkc

SHINGLE_WORDS = 3
PERMUTATIONS = 64  # the standard error of a similarity of 0.9 is 0.04
BANDS = 8  # texts with one equal band of 8 minima are compared: 99 of 100 pairs of similarity 0.9, 4 of 100 of 0.5
SEED = 20261121
NO_WORDS = 0
TEXTS_AT_ONCE = 64  # their letters' hashes fit into a core's cache

_NO_LETTERS = " \t\n\r\x0b\x0c.,;:!?\"'`()[]{}_"  # other signs, as in 3 + 1 and 3 - 1, make another text
_ASCII_WORDS = bytes(32 if chr(code) in _NO_LETTERS else code for code in range(128)) + bytes(range(128, 256))
_NOT_WORDS = re.compile(r"[^\w+*/=<>%^&|#@$~\\-]+|_+")
_UNSPACED = re.compile(  # kana, Han, Hangul syllables, Thai, Lao, Khmer, Myanmar
    "([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff])")
_POWERS = np.array([pow(0x9E3779B97F4A7C15, place, 1 << 64) for place in range(4096)], np.uint64)
_PLACES = np.array([0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x27D4EB2F165667C5], np.uint64)
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


class Signatures:
    """What is kept of some texts.

    Attributes:
        minima: uint8 [texts, PERMUTATIONS], low bits of the minima.
        bands: uint64 [texts, BANDS], a key of each band; keys of different bands do not meet; NO_WORDS: it has none.
    """

    def __init__(self, minima: np.ndarray, bands: np.ndarray) -> None:
        self.minima, self.bands = minima, bands


def signatures(texts: Sequence[str]) -> Signatures:
    """The signatures of texts, in their order. A text of fewer words than a shingle has is one shingle."""
    spelt = [words(text) for text in texts]
    parts = [_minima(spelt[start:start + TEXTS_AT_ONCE]) for start in range(0, len(texts), TEXTS_AT_ONCE)]
    minima = np.concatenate([np.empty((0, PERMUTATIONS), np.uint32), *parts])
    bands = _bands(minima)
    bands[[not text.strip() for text in spelt]] = NO_WORDS
    return Signatures((minima & 0xFF).astype(np.uint8), bands)


def similarity(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The estimated Jaccard similarity of pairs: uint8 [pairs, PERMUTATIONS] twice -> float [pairs]."""
    equal = (one == other).mean(axis=1)
    return (equal - 1 / 256) / (1 - 1 / 256)


def words(text: str) -> bytes:
    """The words of a text in lower case, UTF-8, with at least one space between two; signs are left out."""
    if text.isascii():
        return text.encode().lower().translate(_ASCII_WORDS)
    folded = _NOT_WORDS.sub(" ", nfkc(text).casefold())
    return _UNSPACED.sub(r" \1 ", folded).encode("utf-8", "surrogatepass")


def _minima(texts: Sequence[bytes]) -> np.ndarray:
    import rensa

    hashes, ends = _shingles(texts)
    matrix = rensa.RMinHash.digest_matrix_from_flat_token_hashes(hashes, ends, PERMUTATIONS, SEED)
    return np.array(matrix.to_rows(), np.uint32)


def _shingles(texts: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray]:
    """Hashes of all shingles of all texts, uint64, and where each text's begin, with the end of the last."""
    hashes, text_ends = _word_hashes(texts)
    counts = np.diff(text_ends, prepend=0)
    padded = np.concatenate([hashes, np.zeros(SHINGLE_WORDS, np.uint64)])
    shingles = sum((padded[place:place + len(hashes) + 1] * _PLACES[place] for place in range(SHINGLE_WORDS)),
                   np.zeros(len(hashes) + 1, np.uint64))
    shingle_counts = np.where(counts > SHINGLE_WORDS, counts - SHINGLE_WORDS + 1, 1)
    first = np.arange(shingle_counts.sum()) + np.repeat(
        text_ends - counts - (np.cumsum(shingle_counts) - shingle_counts), shingle_counts)
    chosen = shingles[first]
    for short in np.flatnonzero(counts < SHINGLE_WORDS):  # its one shingle must not reach into the next text
        alone = hashes[text_ends[short] - counts[short]:text_ends[short]] * _PLACES[:counts[short]]
        chosen[shingle_counts[:short].sum()] = alone.sum(dtype=np.uint64)
    return _mixed(chosen), np.concatenate([[0], np.cumsum(shingle_counts)]).astype(np.uint64)


def _word_hashes(texts: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray]:
    """The hash of each word, uint64: the sum of letter * base**place in the word; and where each text ends."""
    letters = np.frombuffer(b" ".join(texts) + b" ", np.uint8)
    is_letter = letters != 32
    edges = np.flatnonzero(np.diff(is_letter, prepend=False))
    starts, ends = edges[::2], edges[1::2]
    lengths = ends - starts
    only = letters[is_letter]
    begins = np.cumsum(lengths) - lengths  # of words, where only letters are left
    places = (np.arange(len(only)) - np.repeat(begins, lengths)) % len(_POWERS)
    hashes = np.add.reduceat(only * _POWERS[places], begins) if len(begins) else np.empty(0, np.uint64)
    return _mixed(hashes), np.searchsorted(starts, np.cumsum([len(text) + 1 for text in texts]))


def _mixed(hashes: np.ndarray) -> np.ndarray:
    """The finish of splitmix64: every bit of the sum changes every bit of the hash."""
    hashes = (hashes ^ (hashes >> np.uint64(30))) * _MIX[0]
    hashes = (hashes ^ (hashes >> np.uint64(27))) * _MIX[1]
    return hashes ^ (hashes >> np.uint64(31))


def _bands(minima: np.ndarray) -> np.ndarray:
    """One key for each band of each text, from the whole minima of the band."""
    rows = minima.reshape(len(minima), BANDS, PERMUTATIONS // BANDS).astype(np.uint64)
    keys = np.zeros(rows.shape[:2], np.uint64) + np.arange(1, BANDS + 1, dtype=np.uint64)
    for place in range(rows.shape[2]):
        keys = (keys ^ rows[:, :, place]) * _MIX[0]
        keys ^= keys >> np.uint64(29)
    return keys * _MIX[1]
