"""The fields beside the texts of a row: which are known, what they may be, and how they become canonical."""

import math
import re
import unicodedata
from collections.abc import Mapping

from tasks.data.reading.strict_json import NUMBER_AT_MOST, described

META: dict[str, type] = {
    "id": str, "annotator": str, "margin": float, "topic": str, "slice": str, "group": str, "language": str}
META_CHARACTERS_AT_MOST = 256
UNSEEN = "".join(map(chr, (  # what shows nothing: white space, controls, marks of width, joining and direction
    *range(0x21), *range(0x7F, 0xA1), 0xAD, 0x1680, 0x180E, *range(0x2000, 0x2010), *range(0x2028, 0x2030), 0x205F,
    *range(0x2060, 0x2070), 0x3000, 0x3164, 0xFEFF, 0xFFA0, *range(0xE0000, 0xE0080))))
HALF_PAIR = re.compile("[\ud800-\udfff]")


def meta_faults(name: str, wanted: type, value: object) -> list[str]:
    """What is wrong with one field, in words."""
    if wanted is float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return [f"{name} has the wrong type: {described(value)}, wanted a number"]
        # this way round, so that NaN refuses
        return [] if math.fabs(value) <= NUMBER_AT_MOST else [f"{name} is a number out of the range of float32"]
    if not isinstance(value, str):
        return [f"{name} has the wrong type: {described(value)}, wanted a string"]
    if name == "id" and not value.strip():
        return ["id is empty"]
    if HALF_PAIR.search(value):
        return [f"{name} holds half of a surrogate pair"]
    if len(value) > META_CHARACTERS_AT_MOST:
        return [f"{name} has {len(value):,} characters, at most {META_CHARACTERS_AT_MOST} may be"]
    return []


def canonical_meta(row: Mapping[str, object]) -> dict[str, str | float]:
    """The known fields beside the texts; null and empty ones are as good as absent."""
    meta: dict[str, str | float] = {}
    for name in META:
        value = row.get(name)
        if isinstance(value, str):
            meta |= {name: unicodedata.normalize("NFC", value)} if value else {}
        elif isinstance(value, int | float):
            meta[name] = float(value)
    return meta
