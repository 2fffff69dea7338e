"""Rewards that read only the text. Each returns a number in 0..1, high is good; none knows the judge.

They are what a team can write down about good answers, and each can be gamed alone: that is why they are weighed
against the learned preference, logged apart, and held against the judge at the gate.
"""

from collections.abc import Iterable

from tasks.rewards.words import Words

FEW_WORDS = 8  # an answer of fewer words is not rich, however dense
STOP_WORDS = frozenset(
    "a an and are as at be but by can could did do does for from had has have how i if in is it its me my no not of "
    "on or our please so than that the their them then there these they this to was we were what when where which "
    "who why will with would you your".split())


words = Words()  # without case and punctuation; a character is a word in scripts without spaces


def content_words(text: str) -> set[str]:
    """The different words of a text that carry meaning."""
    return set(words(text)) - STOP_WORDS


def unrepeated_share(answer: str) -> float:
    """Return the share of the answer's word pairs that are different ones; 0 below two words."""
    found = words(answer)
    pairs = list(zip(found, found[1:], strict=False))
    return len(set(pairs)) / len(pairs) if pairs else 0.0


def richness(answer: str) -> float:
    """Return the share of the answer's words that are different content words; 0 below FEW_WORDS words.

    Lexical density (Ure 1971) with each word counted once, so that neither filler nor repetition pays.
    """
    found = words(answer)
    return len(content_words(answer)) / len(found) if len(found) >= FEW_WORDS else 0.0


def safety(answer: str, unsafe_phrases: Iterable[str]) -> float:
    """Return 0 where the answer contains an unsafe phrase, word for word and whatever the case, and 1 elsewhere."""
    text = f" {' '.join(words(answer))} "
    return 0.0 if any(f" {' '.join(words(phrase))} " in text for phrase in unsafe_phrases) else 1.0
