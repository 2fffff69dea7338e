"""Which script most letters of a text are in, by Unicode's blocks. No language is told: Latin is English and Polish."""

from collections.abc import Sequence

import numpy as np

SCRIPTS = ("none", "Latin", "Greek", "Cyrillic", "Armenian", "Hebrew", "Arabic", "Indic", "South-East Asian",
           "Georgian", "Hangul", "Ethiopic", "Kana", "Han", "other")
CHARACTERS = 250  # of each text that are looked at
_NONE, _LATIN, _OTHER = 0, 1, len(SCRIPTS) - 1
_JAPANESE = {SCRIPTS.index("Kana"), SCRIPTS.index("Han")}
_STARTS: tuple[tuple[int, str], ...] = (  # first code point of a run of blocks -> its script
    (0x00, "none"), (0x41, "Latin"), (0x5B, "none"), (0x61, "Latin"), (0x7B, "none"), (0xC0, "Latin"), (0x2B0, "none"),
    (0x370, "Greek"), (0x400, "Cyrillic"), (0x530, "Armenian"), (0x590, "Hebrew"), (0x600, "Arabic"), (0x780, "other"),
    (0x900, "Indic"), (0xE00, "South-East Asian"), (0x10A0, "Georgian"), (0x1100, "Hangul"), (0x1200, "Ethiopic"),
    (0x13A0, "other"), (0x1780, "South-East Asian"), (0x1800, "other"), (0x1E00, "Latin"), (0x1F00, "Greek"),
    (0x2000, "none"), (0x2C00, "other"), (0x2E00, "none"), (0x3040, "Kana"), (0x3100, "other"), (0x3130, "Hangul"),
    (0x3190, "none"), (0x3400, "Han"), (0x4DC0, "none"), (0x4E00, "Han"), (0xA000, "other"), (0xAC00, "Hangul"),
    (0xD7B0, "other"), (0xF900, "Han"), (0xFB00, "Latin"), (0xFB13, "Armenian"), (0xFB1D, "Hebrew"), (0xFB50, "Arabic"),
    (0xFE00, "none"), (0xFE70, "Arabic"), (0xFEFF, "none"), (0xFF21, "Latin"), (0xFF3B, "none"), (0xFF41, "Latin"),
    (0xFF5B, "none"), (0xFF66, "Kana"), (0xFFA0, "Hangul"), (0xFFE0, "none"), (0x10000, "other"), (0x1F000, "none"),
    (0x20000, "Han"), (0x323B0, "none"))
_FIRST = np.array([first for first, _ in _STARTS], np.uint32)
_SCRIPT = np.array([SCRIPTS.index(script) for _, script in _STARTS], np.uint8)


def script_of(texts: Sequence[str]) -> int:
    """The place in SCRIPTS of the script of most letters at the beginnings of texts; 0 where there is no letter."""
    start = "".join([text[:CHARACTERS] for text in texts])
    if start.isascii():
        return _LATIN if not start.isdigit() and any(map(str.isalpha, start)) else _NONE
    codes = np.frombuffer(start.encode("utf-32-le", "surrogatepass"), np.uint32)
    counts = np.bincount(_SCRIPT[np.searchsorted(_FIRST, codes, side="right") - 1], minlength=len(SCRIPTS))
    counts[_NONE] = 0
    return int(counts.argmax())  # of equal counts the first; 0 where there is none


def share_script(left: str, right: str) -> bool:
    """Whether most letters of both are in one script (Japanese writes in two); true where one has no letters."""
    scripts = {script_of([left]), script_of([right])} - {_NONE}
    return len(scripts) < 2 or scripts == _JAPANESE
