"""Personal data and secrets in text: which kinds are there. What was found is never returned, only its kind."""

import ipaddress
import re
from collections.abc import Callable

_ATOM = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]"
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


def _searched(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda text: pattern.search(text) is not None


def _holds(pattern: str) -> Callable[[str], bool]:
    of_any, of_ascii = re.compile(pattern), re.compile(pattern.replace(r"\d", "[0-9]"))
    return lambda text: (of_ascii if text.isascii() else of_any).search(text) is not None


def _has_born(text: str) -> bool:
    folded = text.casefold()
    return "born " in folded or "date of b" in folded


def _has_key_start(text: str) -> bool:
    return any(start in text for start in _KEY_STARTS)


def _phone(text: str) -> bool:
    return any(9 <= sum(map(str.isdigit, match[0])) <= 15 for match in _PHONE.finditer(text))


def _card(text: str) -> bool:
    return any(_luhn([int(digit) for digit in match[0] if digit.isdigit()]) for match in _CARD.finditer(text))


def _ipv4(text: str) -> bool:
    # four single digits are a version number far more often than a person's address
    return any(max(map(len, match[0].split("."))) > 1 for match in _IPV4.finditer(text))


def _ipv6(text: str) -> bool:
    return any(_is_address(match[0].rstrip(":")) for match in _IPV6.finditer(text) if match[0].count(":") > 1)


def _is_address(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _luhn(digits: list[int]) -> bool:
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return len(set(digits)) > 1 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _iban(text: str) -> bool:
    return any(_mod_97(match[0].replace(" ", "")) for match in _IBAN.finditer(text))


def _mod_97(iban: str) -> bool:
    return 15 <= len(iban) <= 34 and int("".join(str(int(sign, 36)) for sign in iban[4:] + iban[:4])) % 97 == 1


# kind; digits that it has at least; a text that must be there; what else must hold; the recogniser. What comes before
# the recogniser is asked first because it is cheap: most texts need none of the patterns.
_RECOGNISERS: tuple[tuple[str, int, str, Callable[[str], bool] | None, Callable[[str], bool]], ...] = (
    ("email address", 0, "@", None, _searched(_EMAIL)),
    ("phone number", 9, "", _holds(_MANY_DIGITS), _phone),
    ("social security number", 9, "-", _holds(_MANY_DIGITS), _searched(_SSN)),
    ("card number", 13, "", _holds(_MANY_DIGITS), _card),
    ("IBAN", 2, "", _holds(_IBAN_START), _iban),
    ("IP address", 4, ".", _holds(_DOTTED), _ipv4),
    ("IP address (v6)", 0, ":", _holds(_COLONS), _ipv6),
    ("street address", 1, " ", _holds(_HOUSE), _searched(_STREET)),
    ("date of birth", 1, "", _has_born, _searched(_BORN)),
    ("passport number", 6, "", lambda text: "passport" in text.casefold(), _searched(_PASSPORT)),
    ("secret key or token", 0, "", _has_key_start, _searched(_KEYS)),
    ("secret token (JWT)", 0, "eyJ", None, _searched(_JWT)),
    ("private key", 0, "-----BEGIN", None, _searched(_PRIVATE_KEY)))

PERSONAL = tuple(kind for kind, *_ in _RECOGNISERS)
