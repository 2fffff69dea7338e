"""When two texts count as the same."""

import hashlib
import re
import unicodedata

_END_MARKS = ".,;:!?…。，！？"
_NOT_WORDS = re.compile(r"[\W_]+")
_ASCII_SIGNS = {code: None for code in range(128) if not chr(code).isalnum()}  # translate is ten times as fast


def normal(text: str) -> str:
    """The text without the differences that make no other text: Unicode form, case, white space."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def same_prompt(text: str) -> str:
    """What two prompts share that ask the same: case, white space and marks at the ends do not count.

    Signs inside do: `3 + 2` is the same as `3+2`, and `3 - 2` is not.
    """
    joined = "".join(unicodedata.normalize("NFC", text).casefold().split())
    return joined.strip(_END_MARKS) or joined


def letters_and_digits(text: str) -> str:
    """Only the letters and digits, compatibility forms folded; the normal text where there are none."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    kept = folded.translate(_ASCII_SIGNS) if folded.isascii() else _NOT_WORDS.sub("", folded)
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
