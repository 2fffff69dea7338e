"""Whether what looks like personal data can be it: digits that must agree, and sizes."""

import ipaddress
import re

_ID_WEIGHTS, _ID_LAST = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2), "10X98765432"


def is_phone(match: str) -> bool:
    """As many digits as E.164 allows; a word that says so makes less enough."""
    least = 9 if match[0] in "+(0123456789" else 7
    return least <= sum(map(str.isdigit, match)) <= 15


def is_card(match: str) -> bool:
    return _luhn([int(digit) for digit in match if digit.isdigit()])


def is_ipv4(match: str) -> bool:
    # four single digits are a version number far more often than a person's address
    return max(map(len, match.split("."))) > 1


def is_ipv6(match: str) -> bool:
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


def is_iban(match: str) -> bool:
    return _mod_97(match.replace(" ", ""))


def _mod_97(iban: str) -> bool:
    return 15 <= len(iban) <= 34 and int("".join(str(int(sign, 36)) for sign in iban[4:] + iban[:4])) % 97 == 1


def is_resident_id(match: str) -> bool:
    """GB 11643: the last sign is a checksum of the others by ISO 7064, MOD 11-2."""
    total = sum(int(digit) * weight for digit, weight in zip(match, _ID_WEIGHTS, strict=False))
    return _ID_LAST[total % 11] == match[-1].upper()


def is_password(match: str) -> bool:
    """What stands behind the last sign that assigns has digits and letters, or other signs between them."""
    value = re.split(r"""[\s"'=:]+""", match.rstrip("\"'"))[-1]
    return any(map(str.isdigit, value)) and any(map(str.isalpha, value))
