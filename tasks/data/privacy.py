"""Personal data and secrets in text: which kinds are there, and where. Kinds and places, never what was found."""

import ipaddress
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_ATOM = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]"
_ATOM_SIGN = re.compile(_ATOM)
_EMAIL = re.compile(rf"@(?<={_ATOM}@)(?:[A-Za-z0-9-]{{1,63}}\.)+[A-Za-z]{{2,24}}\b")
_PHONE = re.compile(
    r"(?<![\w.+])(?:\+\d[\d ().-]{6,18}\d|(?:1[-. ])?(?:\(\d{3}\) ?|\d{3}[-.])\d{3}[-. ]\d{4})(?![\w-])")
_SSN = re.compile(r"(?<![\d-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])")
_CARD = re.compile(r"(?<![\d.-])(?:\d{4}([ -]?)(?:\d{4}\1){2}\d{1,7}|\d{4}([ -]?)\d{6}\2\d{5})(?![\d-])")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_IPV4 = re.compile(r"(?<![\w.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\w]|\.\d)")
_IPV6 = re.compile(r"(?<![\w:])[0-9a-fA-F:]{6,39}(?![\w:])")
_STREET = re.compile(
    r"\b\d{1,5} (?:[A-Z][a-z]+ ){1,3}(?:Street|Avenue|Road|Terrace|Lane|Drive|Boulevard|Court|St|Ave|Rd|Blvd)\b")
_BORN = re.compile(r"\bborn (?:on )?\d{1,2} [A-Z][a-z]{2,8} \d{4}\b|\bdate of birth\b.{0,5}\d", re.IGNORECASE)
_PASSPORT = re.compile(r"\bpassport\b.{0,20}?\b[A-Z]{1,2}\d{6,8}\b", re.IGNORECASE)
_KEYS = re.compile(
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36,}|\bsk-[A-Za-z0-9_-]{20,}|\bxox[abprs]-[A-Za-z0-9-]{10,}"
    r"|\bAIza[0-9A-Za-z_-]{35}|\bglpat-[A-Za-z0-9_-]{20,}|\bhf_[A-Za-z0-9]{30,}")
_JWT = re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}")
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----")
_DATE_END = re.compile(r"[\d./-]*(?: ?[A-Z][a-z]{2,8},?)?(?: \d{4}| \d{1,2},? \d{4})?")
_KEY_END = re.compile(r"-----END [A-Z ]{0,20}PRIVATE KEY-----")
_DIGIT = re.compile(r"\d")
_NO_DIGITS = bytes(code for code in range(256) if not 48 <= code <= 57)
_KEY_STARTS = ("AKIA", "ASIA", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "sk-", "xox", "AIza", "glpat-", "hf_")


# What a text must hold for a pattern to be worth its cost. Each begins with a sign that is rare and is found fast:
# of ASCII texts, which are most, the digits are 0-9, five times as fast as all that Unicode calls digits.
_MANY_DIGITS = r"(?:\d[ ().-]{0,3}){8}"
_IBAN_START = r"\d(?<=[A-Z]{2}\d)\d"
_DOTTED = r"\d\.\d{1,3}\.\d"
_COLONS = r":[0-9a-fA-F]{0,4}:"
_HOUSE = r"\d [A-Z][a-z]"


def personal_data(text: str) -> list[str]:
    """Return the kinds of personal data and secrets that a text holds, each once, in a fixed order.

    Simple recognisers: they miss names, and forms that they do not know. Card numbers must satisfy ISO/IEC 7812
    (Luhn), IBANs ISO 13616 (mod 97), so that sums and order numbers do not raise an alarm.
    """
    digits = len(text.encode().translate(None, _NO_DIGITS) if text.isascii() else _DIGIT.findall(text))
    return [kind for kind, digits_needed, literal, worth, found in _RECOGNISERS
            if digits_needed <= digits and literal in text and (worth is None or worth(text)) and found(text)]


def personal_data_by_patterns(text: str) -> list[str]:
    """The same by the recognisers alone, without what is asked first: slow, and what tests compare with."""
    return [kind for kind, _, _, _, found in _RECOGNISERS if found(text)]


@dataclass(frozen=True)
class Recogniser:
    """Where a kind of personal data stands in a text.

    Args:
        holds: what else is asked of what the pattern matched; null: nothing.
        reach: from where to where a match really goes, given the text and the match's start and end.
    """

    pattern: re.Pattern[str]
    holds: Callable[[str], bool] | None = None
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
                yield self.reach(text, *match.span()) if self.reach else match.span()


def _holds(pattern: str) -> Callable[[str], bool]:
    of_any, of_ascii = re.compile(pattern), re.compile(pattern.replace(r"\d", "[0-9]"))
    return lambda text: (of_ascii if text.isascii() else of_any).search(text) is not None


def _has_born(text: str) -> bool:
    folded = text.casefold()
    return "born " in folded or "date of b" in folded


def _has_key_start(text: str) -> bool:
    return any(start in text for start in _KEY_STARTS)


def _is_phone(match: str) -> bool:
    return 9 <= sum(map(str.isdigit, match)) <= 15


def _is_card(match: str) -> bool:
    return _luhn([int(digit) for digit in match if digit.isdigit()])


def _is_ipv4(match: str) -> bool:
    # four single digits are a version number far more often than a person's address
    return max(map(len, match.split("."))) > 1


def _is_ipv6(match: str) -> bool:
    return match.count(":") > 1 and _is_address(match.rstrip(":"))


def _is_address(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _luhn(digits: list[int]) -> bool:
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return len(set(digits)) > 1 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _is_iban(match: str) -> bool:
    return _mod_97(match.replace(" ", ""))


def _mod_97(iban: str) -> bool:
    return 15 <= len(iban) <= 34 and int("".join(str(int(sign, 36)) for sign in iban[4:] + iban[:4])) % 97 == 1


def _whole_address(text: str, start: int, end: int) -> tuple[int, int]:
    """The pattern begins with the sign @, which is rare; an address begins before it."""
    while start and _ATOM_SIGN.match(text, start - 1):
        start -= 1
    return start, end


def _whole_date(text: str, start: int, end: int) -> tuple[int, int]:
    """The pattern ends with the first sign of a date."""
    rest = _DATE_END.match(text, end)
    return start, rest.end() if rest else end


def _whole_key(text: str, start: int, end: int) -> tuple[int, int]:
    """To the line that ends a private key; without one to the end of the text."""
    last = _KEY_END.search(text, end)
    return start, last.end() if last else len(text)


# kind; digits that it has at least; a text that must be there; what else must hold; the recogniser. What comes before
# the recogniser is asked first because it is cheap: most texts need none of the patterns.
_RECOGNISERS: tuple[tuple[str, int, str, Callable[[str], bool] | None, Recogniser], ...] = (
    ("email address", 0, "@", None, Recogniser(_EMAIL, reach=_whole_address)),
    ("phone number", 9, "", _holds(_MANY_DIGITS), Recogniser(_PHONE, _is_phone)),
    ("social security number", 9, "-", _holds(_MANY_DIGITS), Recogniser(_SSN)),
    ("card number", 13, "", _holds(_MANY_DIGITS), Recogniser(_CARD, _is_card)),
    ("IBAN", 2, "", _holds(_IBAN_START), Recogniser(_IBAN, _is_iban)),
    ("IP address", 4, ".", _holds(_DOTTED), Recogniser(_IPV4, _is_ipv4)),
    ("IP address (v6)", 0, ":", _holds(_COLONS), Recogniser(_IPV6, _is_ipv6)),
    ("street address", 1, " ", _holds(_HOUSE), Recogniser(_STREET)),
    ("date of birth", 1, "", _has_born, Recogniser(_BORN, reach=_whole_date)),
    ("passport number", 6, "", lambda text: "passport" in text.casefold(), Recogniser(_PASSPORT)),
    ("secret key or token", 0, "", _has_key_start, Recogniser(_KEYS)),
    ("secret token (JWT)", 0, "eyJ", None, Recogniser(_JWT)),
    ("private key", 0, "-----BEGIN", None, Recogniser(_PRIVATE_KEY, reach=_whole_key)))

PERSONAL = tuple(kind for kind, *_ in _RECOGNISERS)
SECRETS = frozenset(("secret key or token", "secret token (JWT)", "private key"))
RECOGNISERS = {kind: recogniser for kind, *_, recogniser in _RECOGNISERS}
