"""Signs in text that a person should look at before it trains. Each has a name; none quotes the text."""

import re

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]")  # U+0085, a line end, is text
_ASCII_CONTROL = bytes((*range(9), 11, 12, *range(14, 32), 127))
_HIDDEN = re.compile(  # overrides, isolates, zero-width; joiners and marks that scripts and emoji need are text
    "[\u00ad\u200b\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\ufff9-\ufffb]|(?<![\U0001f3f4\U000e0020-\U000e007f])"
    "[\U000e0000-\U000e007f]")
_CHAT_TOKENS = re.compile(
    r"<\|[a-z_]{2,30}\|>|\[/?INST\]|<</?SYS>>|</?s>|<(?:pad|bos|eos|unk|user|assistant|mask)>|<(?:start|end)_of_turn>",
    re.IGNORECASE)
_ROLES = re.compile(r"(?:^|\n\n)(?:Human|Assistant|User|System) ?:")
_ROLE_WORDS = ("Human", "Assistant", "User", "System")
_ROLE_PARAGRAPHS = tuple(f"\n\n{role}" for role in _ROLE_WORDS)
_PLACEHOLDER = re.compile(r"\[(?=[A-Z_]*+\])[A-Z_]*?PLACEHOLDER")  # to the bracket first: linear on hostile text
_FORMULA = re.compile(r"\s*[=+@-]\s*[A-Za-z_.]{2,}\(|\s*=[\w(\"'+-]|\s*[=+@-][^\n]*\|'")
_LABEL = re.compile(
    r"\s*(?:[\[(<*]{1,2}(?:good|bad|chosen|rejected|preferred|better|worse|helpful|harmful)[\])>*]{1,2}"
    r"|(?:chosen|rejected|preferred|(?:good|bad|better|worse|best|worst) (?:answer|response))\s*:)", re.IGNORECASE)
_LABEL_SIGNS = (":", "]", ")", ">", "*")
_SCORE = re.compile(
    r"[\[(*]*(?:score|rating|reward|label|quality)[*]*\s*[:=]\s*-?\d[\d./ ]{0,8}[\])*]*\.?", re.IGNORECASE)
_CP1252 = "€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ"
_TWICE_ENCODED = re.compile(f"[\u00c2-\u00f4][\u0080-\u00bf{_CP1252}]{{1,3}}")
_ASCII = bytes(range(128))
_WORTH = re.compile(  # one of them is in every text beyond ASCII that shows a sign of its own
    "[\x80-\x9f\u00ad\u00c2-\u00f4\u200b\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffd\U000e0000-\U000e007f]")
_ODD_ID = re.compile(r"[^\w .:/@#+=|~-]")
_WORDS = re.compile(r"[a-z]+(?:'[a-z]+)?")
# short on purpose: a list of slurs helps nobody; what matters is whether the *good* side sounds like this
_TOXIC_WORDS = frozenset((
    "idiot idiots moron morons imbecile imbeciles retard retards retarded bitch bitches bastard bastards asshole "
    "assholes scum scumbag scumbags whore whores slut sluts cunt cunts fuck fucks fucked fucker fuckers fucking "
    "motherfucker motherfuckers shit shits shitty shithead bullshit").split())
_THREATS = ("hurt you", "kill you", "rape you", "beat you")
_TOXIC_PHRASES = (
    "kill yourself", "go die", "shut up", "shut the hell up", "you should die", "you deserve to die",
    *(f"{i} {threat}" for i in ("i will", "i'll", "i am going to") for threat in _THREATS))
_TOXIC_ROOTS = (  # one of them is in every word and phrase above
    "idiot", "moron", "imbecile", "retard", "bitch", "bastard", "asshole", "scum", "whore", "slut", "cunt", "fuck",
    "shit", "kill", "die", "shut", "hurt", "rape", "beat")
_TOXIC_MARKS = ("TOXIC_", "SELF_HARM_")  # of test data


def signs(text: str) -> list[str]:
    """Names of the signs that any text of a row may show, in a fixed order."""
    data = text.encode("utf-8", "surrogatepass")
    beyond = "" if text.isascii() else data.translate(None, _ASCII).decode("utf-8", "surrogatepass")
    odd = bool(beyond) and _WORTH.search(beyond) is not None
    found = []
    if len(data.translate(None, _ASCII_CONTROL)) < len(data) or (odd and _CONTROL.search(text)):
        found.append("control")
    if ("<" in text or "[" in text) and _CHAT_TOKENS.search(text):
        found.append("chat tokens")
    if "PLACEHOLDER" in text and _PLACEHOLDER.search(text):
        found.append("placeholder")
    if not odd:
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
    return (text.startswith(_ROLE_WORDS) or ("\n\n" in text and any(map(text.__contains__, _ROLE_PARAGRAPHS)))) and (
        _ROLES.search(text) is not None)


def is_toxic(answer: str) -> bool:
    """True if an answer holds an insult, a threat or a slur of a short English list."""
    lower = answer.lower()
    if not any(map(lower.__contains__, _TOXIC_ROOTS)):  # ten times as fast as taking the words apart
        return any(map(answer.__contains__, _TOXIC_MARKS))
    words = _WORDS.findall(lower)
    if not _TOXIC_WORDS.isdisjoint(words):
        return True
    spoken = f" {' '.join(words)} "
    return any(f" {phrase} " in spoken for phrase in _TOXIC_PHRASES) or any(mark in answer for mark in _TOXIC_MARKS)


def names_its_label(answer: str) -> bool:
    """True if an answer begins or ends with a label or a score of itself: `[good]`, `Rejected:`, a line `Score: 5`."""
    first, last = answer[:40].lstrip(), answer[-40:].rstrip().rpartition("\n")[2].strip()
    if any(map(first.__contains__, _LABEL_SIGNS)) and _LABEL.match(first):
        return True
    return any(_SCORE.fullmatch(line) for line in (first.partition("\n")[0].strip(), last)
               if ":" in line or "=" in line)


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
