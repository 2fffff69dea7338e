"""A text as words, in any script, for rewards that count or compare them."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from tasks.contracts.reward_config import WordsConfig

_ASCII_WORD, _ASCII_SIGN = re.compile(r"\w+"), re.compile(r"\w+|[^\w\s]")
_JOINERS = "\u200c\u200d"  # inside Persian words and between the parts of one emoji
_WITHOUT_SPACES = (  # first and last code point of scripts that put no spaces between words
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x0F00, 0x0FFF),  # Tibetan
    (0x1000, 0x109F),  # Burmese
    (0x1780, 0x17FF),  # Khmer
    (0x3005, 0x3007), (0x3040, 0x30FF), (0x31F0, 0x31FF), (0xFF66, 0xFF9F),  # Japanese
    (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x323AF),  # Chinese, Japanese
)

Sort = Literal["space", "word", "character", "sign", "joined"]


class Words:
    """Divides texts into words; what the arguments mean stands in tasks.contracts.reward_config.WordsConfig."""

    def __init__(self, *, case: Literal["fold", "keep"] = "fold", unicode: Literal["NFC", "NFKC"] = "NFC",
                 punctuation: Literal["drop", "keep"] = "drop",
                 without_spaces: Literal["characters", "whole"] = "characters", stop_words: Sequence[str] = ()):
        self._fold, self._form, self._signs = case == "fold", unicode, punctuation == "keep"
        self._characters = without_spaces == "characters"
        self._stops: frozenset[tuple[str, ...]] = frozenset()
        self._stops = frozenset(tuple(found) for found in map(self, stop_words) if found)
        self._longest_stop = max(map(len, self._stops), default=0)

    @classmethod
    def of(cls, config: "WordsConfig") -> "Words":
        """As the settings say."""
        return cls(case=config.case, unicode=config.unicode, punctuation=config.punctuation,
                   without_spaces=config.without_spaces, stop_words=config.stop_words)

    def __call__(self, text: str) -> list[str]:
        """Return the words of a text in their order, without stop words."""
        if text.isascii():
            found = (_ASCII_SIGN if self._signs else _ASCII_WORD).findall(text.lower() if self._fold else text)
        else:
            text = unicodedata.normalize(self._form, text)
            if self._fold:
                text = unicodedata.normalize(self._form, text.casefold())
            found = ["".join(group) for group in self._groups(text)]
        return self._without_stops(found) if self._stops else found

    def _groups(self, text: str) -> Iterator[list[str]]:
        """The characters of each word."""
        for is_space, run in groupby(text, key=lambda character: _sort(character) == "space"):
            if not is_space:
                yield from self._groups_of_run(list(run))

    def _groups_of_run(self, run: list[str]) -> Iterator[list[str]]:
        group: list[str] = []
        before: Sort = "space"
        for character in run:
            sort = _sort(character)
            if sort == "character" and not self._characters:
                sort = "word"
            if sort == "joined" or (group and group[-1] == "\u200d") or (sort == before == "word"):
                group.append(character)
                continue
            if group and self._wanted(before):
                yield group
            group, before = [character], sort
        if group and self._wanted(before):
            yield group

    def _wanted(self, sort: Sort) -> bool:
        return self._signs or sort in ("word", "character")

    def _without_stops(self, found: list[str]) -> list[str]:
        """The words that are in no stop word; one of several words goes where they follow one another."""
        kept, place = [], 0
        while place < len(found):
            length = next((length for length in range(self._longest_stop, 0, -1)
                           if tuple(found[place:place + length]) in self._stops), 0)
            if not length:
                kept.append(found[place])
            place += length or 1
        return kept


@lru_cache(1 << 14)
def _sort(character: str) -> Sort:
    """What a character does to the word that it stands in; a "joined" one belongs to whatever is before it."""
    code, category = ord(character), unicodedata.category(character)
    if character.isspace():
        return "space"
    if category[0] == "M" or character in _JOINERS or 0x1F3FB <= code <= 0x1F3FF:  # the last: tones of skin
        return "joined"
    if not (character.isalnum() or character == "_"):
        return "sign"
    return "character" if any(first <= code <= last for first, last in _WITHOUT_SPACES) else "word"
