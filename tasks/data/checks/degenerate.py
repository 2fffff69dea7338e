"""Text from which only a stutter is learned: the same words, or the same signs, over and over."""

import zlib

WORDS_AT_LEAST = 30  # shorter texts repeat themselves for good reasons
DISTINCT_SHARE = 0.4  # of words; only below it are triples counted, which costs more
REPEATED_SHARE = 0.6  # of word triples that came before in the text
LONG_WORD = 60  # characters
PACKED_SHARE = 0.15  # of a long word's bytes that zlib needs


def is_degenerate(text: str) -> bool:
    """True if most word triples come again, or a word of LONG_WORD signs or more is a few signs repeated."""
    words = text.split()
    few = DISTINCT_SHARE * len(words)
    # half of the words first: where they differ enough, all do
    if len(words) >= WORDS_AT_LEAST and len(set(words[::2])) <= few and len(set(words)) <= few:
        triples = len(words) - 2
        if triples - len(set(zip(words, words[1:], words[2:], strict=False))) > REPEATED_SHARE * triples:
            return True
    if _LONG not in text.encode("utf-8", "surrogatepass").translate(_SPACE_OR_NOT):
        return False
    longest = max(words, key=len, default="")
    return len(longest) >= LONG_WORD and longest.isprintable() and any(map(str.isalnum, longest)) and _packs(longest)


def _packs(word: str) -> bool:
    data = word.encode("utf-8", "surrogatepass")
    return len(zlib.compress(data, 1)) - _EMPTY <= PACKED_SHARE * len(data)


_EMPTY = len(zlib.compress(b"", 1))
_SPACE_OR_NOT = bytes(code < 128 and chr(code).isspace() for code in range(256)).translate(
    bytes((*b"x ", *range(2, 256))))  # for what is no ASCII it says too often that a word is long, never too seldom
_LONG = b"x" * LONG_WORD
