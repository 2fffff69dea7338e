"""When two texts count as the same."""

import hashlib
import re

from tasks.data.rows.unicode_forms import nfc, nfkc

_END_MARKS = ".,;:!?…。，！？"
_NOT_WORDS = re.compile(r"[\W_]+")
# texts in ASCII, which are most, go as bytes: the same answers ten times as fast
_SPACES = bytes(code for code in range(128) if chr(code).isspace())
ALL_TO_SPACE = bytes(32 if code in _SPACES else code for code in range(256))
_SIGNS = bytes(code for code in range(128) if not chr(code).isalnum())


def normal(text: str) -> str:
    """The text without the differences that make no other text: Unicode form, case, white space."""
    if not text.isascii():
        return " ".join(nfc(text).casefold().split())
    data = text.encode().lower().translate(ALL_TO_SPACE)
    while b"  " in data:
        data = data.replace(b"  ", b" ")
    return data.strip().decode()


def same_prompt(text: str) -> str:
    """What two prompts share that ask the same: case, white space and marks at the ends do not count.

    Signs inside do: `3 + 2` is the same as `3+2`, and `3 - 2` is not.
    """
    if text.isascii():
        joined = text.encode().lower().translate(None, _SPACES).decode()
    else:
        joined = "".join(nfc(text).casefold().split())
    return joined.strip(_END_MARKS) or joined


def letters_and_digits(text: str) -> str:
    """Only the letters and digits, compatibility forms folded; the normal text where there are none."""
    if text.isascii():
        kept = text.encode().lower().translate(None, _SIGNS).decode()
    else:
        kept = _NOT_WORDS.sub("", nfkc(text).casefold())
    return kept or normal(text)


def key(*texts: str) -> int:
    """64 bits that stand for texts in their order. Two of a million different texts share them once in 10^7 runs."""
    return int.from_bytes(key_bytes(*texts), "big")


def key_bytes(*texts: str) -> bytes:
    """The same 64 bits, the high ones first."""
    digest = hashlib.blake2b(digest_size=8)
    for text in texts:
        data = text.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.digest()
