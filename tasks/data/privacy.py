"""Personal data and secrets in text: which kinds are there. What was found is never returned, only its kind."""

import ipaddress
import re
from collections.abc import Callable

_ATOM = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]"
_EMAIL = re.compile(rf"{_ATOM}{{1,64}}@(?:[A-Za-z0-9-]{{1,63}}\.)+[A-Za-z]{{2,24}}\b")
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
_MANY_DIGITS = re.compile(r"(?:\d[ ().-]{0,3}){8}")
_KEY_STARTS = ("AKIA", "ASIA", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "sk-", "xox", "AIza", "glpat-", "hf_")


def personal_data(text: str) -> list[str]:
    """Return the kinds of personal data and secrets that a text holds, each once, in a fixed order.

    Simple recognisers: they miss names, and forms that they do not know. Card numbers must satisfy ISO/IEC 7812
    (Luhn), IBANs ISO 13616 (mod 97), so that sums and order numbers do not raise an alarm.
    """
    digits = 2 if _MANY_DIGITS.search(text) else 1 if _DIGIT.search(text) else 0
    return [kind for kind, digits_needed, literal, found in _RECOGNISERS
            if digits_needed <= digits and literal in text and found(text)]


def _searched(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda text: pattern.search(text) is not None


def _phone(text: str) -> bool:
    return any(9 <= sum(map(str.isdigit, match[0])) <= 15 for match in _PHONE.finditer(text))


def _key(text: str) -> bool:
    return any(start in text for start in _KEY_STARTS) and _KEYS.search(text) is not None


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


# kind; digits needed: 0 none, 1 any, 2 eight near one another; a text that must be there; the recogniser.
# The first two are asked first because they are cheap: most texts need none of the patterns.
_RECOGNISERS: tuple[tuple[str, int, str, Callable[[str], bool]], ...] = (
    ("email address", 0, "@", _searched(_EMAIL)),
    ("phone number", 2, "", _phone),
    ("social security number", 2, "-", _searched(_SSN)),
    ("card number", 2, "", _card),
    ("IBAN", 1, "", _iban),
    ("IP address", 1, ".", _ipv4),
    ("IP address (v6)", 1, ":", _ipv6),
    ("street address", 1, "", _searched(_STREET)),
    ("date of birth", 1, "", _searched(_BORN)),
    ("passport number", 1, "", _searched(_PASSPORT)),
    ("secret key or token", 0, "", _key),
    ("secret token (JWT)", 0, "eyJ", _searched(_JWT)),
    ("private key", 0, "-----BEGIN", _searched(_PRIVATE_KEY)))

PERSONAL = tuple(kind for kind, *_ in _RECOGNISERS)
