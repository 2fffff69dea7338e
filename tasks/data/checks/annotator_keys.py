"""How an annotator is known: by a digest, never by name."""

import hashlib
from functools import lru_cache

NO_ONE = 0


@lru_cache(maxsize=1 << 14)
def annotator_key(name: str | None) -> int:
    """The first 64 bits of the sha256 of a name; NO_ONE for none."""
    return int.from_bytes(hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()[:8], "big") if name else NO_ONE


def said_name(key: int) -> str:
    """How an annotator is called in reports: the first 12 digits of the sha256 of the name."""
    return f"{key:016x}"[:12]
