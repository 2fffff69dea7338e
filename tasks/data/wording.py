"""Signs in text that a person should look at before it trains. Each has a name; none quotes the text."""

import re

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]")  # U+0085, a line end, is text
_HIDDEN = re.compile(  # overrides, isolates, zero-width; joiners and marks that scripts and emoji need are text
    "[\u00ad\u200b\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\ufff9-\ufffb]|(?<![\U0001f3f4\U000e0020-\U000e007f])"
    "[\U000e0000-\U000e007f]")
_CHAT_TOKENS = re.compile(
    r"<\|[a-z_]{2,30}\|>|\[/?INST\]|<</?SYS>>|</?s>|<(?:pad|bos|eos|unk|user|assistant|mask)>|<(?:start|end)_of_turn>",
    re.IGNORECASE)
_ROLES = re.compile(r"(?:^|\n\n)(?:Human|Assistant|User|System) ?:")
_PLACEHOLDER = re.compile(r"\[[A-Z_]*PLACEHOLDER[A-Z_]*\]")
_FORMULA = re.compile(r"\s*[=+@-]\s*[A-Za-z_.]{2,}\(|\s*=[\w(\"'+-]|\s*[=+@-][^\n]*\|'")
_CP1252 = "€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ"
_TWICE_ENCODED = re.compile(f"[\u00c2-\u00f4][\u0080-\u00bf{_CP1252}]{{1,3}}")
_ODD_ID = re.compile(r"[^\w .:/@#+=|~-]")
# mild on purpose: a list of slurs helps nobody; what matters is whether the *good* side sounds like this
_TOXIC = re.compile(
    r"\b(?:idiots?|morons?|imbeciles?|retard(?:ed|s)?|bitch(?:es)?|bastards?|assholes?|scum(?:bags?)?|whores?|sluts?"
    r"|fuck\w*|shit(?:ty|head)?|cunts?|kill yourself|go die|i (?:will|'ll|am going to) (?:hurt|kill|rape|beat) you"
    r"|you (?:should|deserve to) (?:die|suffer)|shut (?:the (?:hell|heck) )?up|\[?TOXIC_\w+|\[?SELF_HARM_\w+)",
    re.IGNORECASE)


def signs(text: str) -> list[str]:
    """Names of the signs that any text of a row may show, in a fixed order."""
    found = [name for name, pattern in (
        ("control", _CONTROL), ("chat tokens", _CHAT_TOKENS), ("placeholder", _PLACEHOLDER)) if pattern.search(text)]
    if text.isascii():
        return found
    if "\ufffd" in text:
        found.append("replacement")
    if _HIDDEN.search(text):
        found.append("hidden")
    if _is_mojibake(text):
        found.append("mojibake")
    return found


def is_formula(text: str) -> bool:
    """True if a spreadsheet would run the text of a cell."""
    return _FORMULA.match(text) is not None


def has_roles(text: str) -> bool:
    """True if a paragraph begins with a role marker, as a pasted transcript does."""
    return _ROLES.search(text) is not None


def is_toxic(answer: str) -> bool:
    """True if an answer holds an insult, a threat or a slur of a short English list."""
    return _TOXIC.search(answer) is not None


def is_odd_id(name: str) -> bool:
    """True if an id holds other characters than words and plain signs: markup, quotes, line ends."""
    return _ODD_ID.search(name) is not None


def _is_mojibake(text: str) -> bool:
    """UTF-8 that was read as Windows-1252: a run of its signs that is UTF-8 again when written so."""
    return any(_reads_as_utf8(match[0]) for match in _TWICE_ENCODED.finditer(text))


def _reads_as_utf8(run: str) -> bool:
    data = b"".join(sign.encode("latin-1") if ord(sign) < 256 else sign.encode("cp1252") for sign in run)
    for end in range(2, len(data) + 1):
        try:
            data[:end].decode("utf-8")
        except UnicodeDecodeError:
            continue
        return True
    return False
