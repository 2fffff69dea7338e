"""Personal data and secrets in text: which kinds are there, and where. Kinds and places, never what was found."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tasks.data.checks.privacy_checks import is_card, is_iban, is_ipv4, is_ipv6, is_password, is_phone, is_resident_id

_ATOM = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]"
_ATOM_SIGN = re.compile(_ATOM)
_EMAIL = re.compile(rf"@(?<={_ATOM}@)(?:[A-Za-z0-9-]{{1,63}}\.)+[A-Za-z]{{2,24}}\b")
_PHONE = re.compile(
    r"(?<![\w.+])(?:\+\d[\d ().-]{6,18}\d|(?:1[-. ])?(?:\(\d{3}\) ?|\d{3}[-.])\d{3}[-. ]\d{4})(?![\w-])"
    r"|(?<![A-Za-z0-9_./=+-])1[3-9]\d{9}(?![A-Za-z0-9_/-])"  # China, mobile
    r"|(?:\b(?i:tele)?(?i:phone|fax)|\b(?i:mobile|cell|tel|whatsapp)\b|\u624b\u673a|\u7535\u8bdd)"  # a word says so
    r"[^\d\n+(]{0,24}[+(]?\d[\d ()-]{5,16}\d(?![\w-])")
_SSN = re.compile(r"(?<![\d-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])")
_CARD = re.compile(r"(?<![\d.-])(?:\d{4}([ -]?)(?:\d{4}\1){2}\d{1,7}|\d{4}([ -]?)\d{6}\2\d{5})(?![\d-])")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_IPV4 = re.compile(r"(?<![\w.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\w]|\.\d)")
_IPV6 = re.compile(r"(?<![\w:])[0-9a-fA-F:]{6,39}(?![\w:])")
_STREET = re.compile(
    r"\b\d{1,5} (?:[A-Z][a-z]+ ){1,3}(?:Street|Avenue|Road|Terrace|Lane|Drive|Boulevard|Court|St|Ave|Rd|Blvd)\b")
_BORN = re.compile(r"\bborn (?:on )?\d{1,2} [A-Z][a-z]{2,8} \d{4}\b|\bdate of birth\b.{0,5}\d", re.IGNORECASE)
_PASSPORT = re.compile(r"\bpassport\b.{0,20}?\b[A-Z]{1,2}\d{6,8}\b", re.IGNORECASE)
_RESIDENT = re.compile(
    r"(?<![A-Za-z0-9])[1-9]\d{5}(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx](?![A-Za-z0-9])")
_PASSWORD = re.compile(  # a name of a secret, a sign that assigns, and a value; the group is the value
    r"(?i:pass(?:word|wd|phrase)|pwd|secret|token|(?:api|access|private)[_ -]?key)[\"']?\s{0,3}(?:[:=]|is\b)\s{0,3}"
    r"[\"']?([^\s\"'<>()\[\]{},;]{8,128})")
_KEYS = re.compile(
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36,}|\bsk-[A-Za-z0-9_-]{20,}|\bxox[abprs]-[A-Za-z0-9-]{10,}"
    r"|\bAIza[0-9A-Za-z_-]{35}|\bglpat-[A-Za-z0-9_-]{20,}|\bhf_[A-Za-z0-9]{30,}")
_JWT = re.compile(  # from where a run of its signs begins, so that none is read twice; the group is what was meant
    r"(?<![A-Za-z0-9_-])(?=[A-Za-z0-9_-]++\.[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]{8})"
    r"[A-Za-z0-9_-]*?\b(eyJ[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]++\.[A-Za-z0-9_-]++)")
_KEY = re.compile(  # to its end; where that was cut off, to the end of the text
    r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----(?:.*?-----END [A-Z ]{0,20}PRIVATE KEY-----|.*)", re.DOTALL)
_DATE_END = re.compile(r"[\d./-]*(?: ?[A-Z][a-z]{2,8},?)?(?: \d{4}| \d{1,2},? \d{4})?")
_DIGIT = re.compile(r"\d")
_ASCII = bytes(range(128))
_TELLING = b"0123456789@:.-_ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_NOT_TELLING = bytes(code for code in range(256) if code not in _TELLING)
_NO_DIGITS = bytes(code for code in range(256) if not 48 <= code <= 57)


# What a text must hold for a pattern to be worth its cost. Most texts are little but small letters: what is left of one
# without them is short, and is searched for hints first; then comes a pattern that begins with a sign that is rare.
_MANY_DIGITS = r"(?:[0-9][ ().-]{0,3}){7}"
_COLONS = r":[0-9a-fA-F]{0,4}:"
_HOUSE = r"[0-9] [A-Z][a-z]"
_IBAN_HINT, _DOTTED_HINT, _HOUSE_HINT = r"[A-Z]{2}[0-9]{2}", r"[0-9]\.[0-9]{1,3}\.[0-9]", "[0-9][A-Z]"
_KEY_HINT = "[_-]|A[IKS]"
_SECRET_NAMES = ("passw", "passp", "pwd", "secret", "token")
_KEY_NAMES = ("api", "access", "private")  # before `key`, which is an everyday word
_KEY_STARTS = {"-": ("sk-", "xox", "glpat-"), "_": ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "hf_"),
               "A": ("AKIA", "ASIA", "AIza")}


def personal_data(text: str) -> list[str]:
    """Return the kinds of personal data and secrets that a text holds, each once, in a fixed order.

    Simple recognisers: they miss names, and forms that they do not know. Card numbers must satisfy ISO/IEC 7812
    (Luhn), IBANs ISO 13616 (mod 97), so that sums and order numbers do not raise an alarm.
    """
    seen = text if text.isascii() else _with_ascii_digits(text)
    telling = seen.encode("utf-8", "surrogatepass").translate(None, _NOT_TELLING)
    digits = len(telling.translate(None, _NO_DIGITS))
    return [kind for kind, digits_needed, hint, worth, found in _RECOGNISERS
            if digits_needed <= digits and (hint is None or hint(telling)) and (worth is None or worth(seen))
            and found(text)]


def _with_ascii_digits(text: str) -> str:
    """The text with 0 for each digit of another script: patterns take these as digits too."""
    beyond = text.encode("utf-8", "surrogatepass").translate(None, _ASCII).decode("utf-8", "surrogatepass")
    return _DIGIT.sub("0", text) if _DIGIT.search(beyond) else text


def personal_data_by_patterns(text: str) -> list[str]:
    """The same by the recognisers alone, without what is asked first: slow, and what tests compare with."""
    return [kind for kind, _, _, _, found in _RECOGNISERS if found(text)]


@dataclass(frozen=True)
class Recogniser:
    """Where a kind of personal data stands in a text.

    Args:
        holds: what else is asked of what the pattern matched; null: nothing.
        group: of the pattern's, what is meant; 0: all that it matched.
        reach: from where to where a match really goes, given the text and the match's start and end.
    """

    pattern: re.Pattern[str]
    holds: Callable[[str], bool] | None = None
    group: int = 0
    reach: Callable[[str, int, int], tuple[int, int]] | None = None

    def __call__(self, text: str) -> bool:
        """Whether a text holds the kind."""
        if self.holds is None:
            return self.pattern.search(text) is not None
        return any(self.holds(match[0]) for match in self.pattern.finditer(text))

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Start and end of each place that has it."""
        for match in self.pattern.finditer(text):
            if self.holds is None or self.holds(match[0]):
                yield self.reach(text, *match.span()) if self.reach else match.span(self.group)


def _hint(pattern: str) -> Callable[[bytes], object]:
    return re.compile(pattern.encode()).search


def _has_born(text: str) -> bool:
    folded = text.casefold()
    return "born " in folded or "date of b" in folded


def _has_secret_name(text: str) -> bool:
    folded = text.casefold().replace("\u0131", "i")  # patterns take the dotless one for it
    return any(map(folded.__contains__, _SECRET_NAMES)) or (
        "key" in folded and any(map(folded.__contains__, _KEY_NAMES)))


def _has_key_start(text: str) -> bool:
    return any(sign in text and any(map(text.__contains__, starts)) for sign, starts in _KEY_STARTS.items())


def _whole_address(text: str, start: int, end: int) -> tuple[int, int]:
    """The pattern begins with the sign @, which is rare; an address begins before it."""
    while start and _ATOM_SIGN.match(text, start - 1):
        start -= 1
    return start, end


def _from_digit(text: str, start: int, end: int) -> tuple[int, int]:
    """A word may stand before a telephone number and is no part of it."""
    while text[start] not in "+(" and not text[start].isdigit():
        start += 1
    return start, end


def _whole_date(text: str, start: int, end: int) -> tuple[int, int]:
    """The pattern ends with the first sign of a date."""
    rest = _DATE_END.match(text, end)
    return start, rest.end() if rest else end


# kind; digits that it has at least; what must be left of the text without small letters and most signs; what else must
# hold; the recogniser. What comes before the recogniser is asked first because it is cheap: most texts need no pattern.
_RECOGNISERS: tuple[
    tuple[str, int, Callable[[bytes], object] | None, Callable[[str], object] | None, Recogniser], ...] = (
    ("email address", 0, _hint("@"), None, Recogniser(_EMAIL, reach=_whole_address)),
    ("phone number", 7, None, re.compile(_MANY_DIGITS).search, Recogniser(_PHONE, is_phone, reach=_from_digit)),
    ("social security number", 9, _hint("-"), re.compile(_MANY_DIGITS).search, Recogniser(_SSN)),
    ("card number", 13, None, re.compile(_MANY_DIGITS).search, Recogniser(_CARD, is_card)),
    ("IBAN", 2, _hint(_IBAN_HINT), None, Recogniser(_IBAN, is_iban)),
    ("IP address", 4, _hint(_DOTTED_HINT), None, Recogniser(_IPV4, is_ipv4)),
    ("IP address (v6)", 0, _hint(":"), re.compile(_COLONS).search, Recogniser(_IPV6, is_ipv6)),
    ("street address", 1, _hint(_HOUSE_HINT), re.compile(_HOUSE).search, Recogniser(_STREET)),
    ("date of birth", 1, None, _has_born, Recogniser(_BORN, reach=_whole_date)),
    ("passport number", 6, None, lambda text: "passport" in text.casefold(), Recogniser(_PASSPORT)),
    ("secret key or token", 0, _hint(_KEY_HINT), _has_key_start, Recogniser(_KEYS)),
    ("secret token (JWT)", 0, _hint("J"), lambda text: "eyJ" in text, Recogniser(_JWT, group=1)),
    ("private key", 0, _hint("-----BEGIN"), None, Recogniser(_KEY)),
    ("resident identity number (China)", 17, None, None, Recogniser(_RESIDENT, is_resident_id)),
    ("password", 1, None, _has_secret_name, Recogniser(_PASSWORD, is_password, group=1)))

PERSONAL = tuple(kind for kind, *_ in _RECOGNISERS)
SECRETS = frozenset(("secret key or token", "secret token (JWT)", "private key", "password"))
RECOGNISERS = {kind: recogniser for kind, *_, recogniser in _RECOGNISERS}
