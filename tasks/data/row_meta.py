"""The fields beside the texts of a row: which are known, what they may be, and how they become canonical."""

import math
import re
import unicodedata
from collections.abc import Mapping

from tasks.data.strict_json import NUMBER_AT_MOST, described

META: dict[str, type] = {
    "id": str, "annotator": str, "margin": float, "topic": str, "slice": str, "group": str, "language": str}
META_CHARACTERS_AT_MOST = 256
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
