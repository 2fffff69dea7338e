"""What text of forgotten rows looks like where it was written down: plain, in JSON, in HTML, in CSV; and its shards.

Texts that are short, or that a row has too which stays, are not searched for: they would be found everywhere.
"""

import html
import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass

SHORTEST = 12  # characters of a text that is searched for
END = 48  # characters at either end of a long text, which pages show shortened


@dataclass(frozen=True)
class Needles:
    """What is searched for. It holds text of rows: it lies in the erasure's own folder until the erasure is done."""

    rows: tuple[str, ...]  # ids
    texts: tuple[str, ...]

    def of_text(self) -> tuple[bytes, ...]:
        """The texts, each in every spelling."""
        return tuple(dict.fromkeys(one for text in self.texts for one in spellings(text)))

    def of_text_and_shards(self) -> tuple[bytes, ...]:
        """These, and how a line of checked or prepared rows begins, which may hold the text as token ids."""
        return (*self.of_text(), *(f'"id":{gap}"{row}"'.encode() for row in self.rows for gap in ("", " ")))


def fragments(texts: Iterable[str]) -> set[str]:
    """The texts that can be searched for, and the ends of long ones."""
    long_enough = {text for text in texts if len(text.strip()) >= SHORTEST}
    return long_enough | {end for text in long_enough if len(text) > 2 * END for end in (text[:END], text[-END:])}


def needles_of(rows: Collection[str], texts: Iterable[str]) -> Needles:
    """Needles of rows and fragments of their texts, in one order whatever order they come in."""
    return Needles(tuple(sorted(rows)), tuple(sorted(texts)))


def spellings(text: str) -> list[bytes]:
    """A text as files hold it."""
    escaped = [text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], html.escape(text),
               html.escape(text, quote=False), html.escape(text).replace("&quot;", "&#34;").replace("&#x27;", "&#39;"),
               text.replace('"', '""')]
    return [one.encode("utf-8", "surrogatepass") for one in dict.fromkeys(escaped)]
