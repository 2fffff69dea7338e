"""Names and line numbers for messages. What a file's author could choose is made harmless before it is shown."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

DIGITS_IN_NAME = 8  # from here on it may be a telephone number
_PLAIN_NAME = re.compile(r"[\w][\w .\-]{0,39}")


def printable_path(path: Path) -> str:
    """The path with control, bidi and other unprintable characters escaped, so that it cannot forge a log line."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in str(path))


def printable_names(names: Iterable[str], most: int = 10) -> str:
    """Names of fields, sorted and joined; a name that is not plain words is not shown, for it may be data."""
    plain = sorted({name if _PLAIN_NAME.fullmatch(name) else "(a name with odd characters)" for name in names})
    return ", ".join(plain[:most]) + (f" and {len(plain) - most} more" if len(plain) > most else "")


def is_plain(name: str) -> bool:
    """True if a name is plain words of at most 40 characters, without personal data that has a sign of its own."""
    return _PLAIN_NAME.fullmatch(name) is not None and sum(map(str.isdigit, name)) < DIGITS_IN_NAME


def line_list(numbers: Sequence[int], most: int = 20, total: int | None = None) -> str:
    """`line 5`, `lines 5, 6`, or the first ones and how many more; `total` where `numbers` is only their start."""
    total = len(numbers) if total is None else total
    shown = ", ".join(str(number) for number in numbers[:most])
    more = total - min(len(numbers), most)
    return f"line{'s' if total != 1 else ''} {shown}" + (f" and {more:,} more" if more > 0 else "")
