"""One line of JSON Lines, read strictly: what two readers could take differently is refused."""

import json
import math
import re
from typing import NoReturn

DEPTH_AT_MOST = 64
NUMBER_AT_MOST = 3.4028234e38  # the largest float32: a larger number overflows where it trains
DIGITS_AT_MOST = 40

_BRACKETS = re.compile(r'"(?:[^"\\]++|\\.)*+"|[\[\]{}]', re.DOTALL)  # possessive: linear on hostile text


class NotJson(ValueError):
    """Why a line is no row. It never holds text of the line."""


def parse_object(line: bytes) -> dict[str, object]:
    """Return the JSON object that a line holds.

    Raises:
        NotJson: it is not UTF-8, not JSON (NaN and Infinity are not), no object, names a field twice, nests
            deeper than DEPTH_AT_MOST, or holds a number beyond float32.
    """
    value = parse(line)
    if not isinstance(value, dict):
        raise NotJson(f"is {described(value)}, wanted a JSON object")
    return value


def parse(line: bytes) -> object:
    """Return the JSON value that a line holds. Raises NotJson as parse_object does."""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotJson(f"is not UTF-8: byte {error.start + 1} of the line is 0x{line[error.start]:02x}") from None
    if text.count("[") + text.count("{") > DEPTH_AT_MOST:
        _refuse_depth(text)
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise NotJson(f"is not JSON: {error.msg.removesuffix(' at')} at column {error.colno}") from None
    except RecursionError:
        raise NotJson(f"is JSON nested deeper than {DEPTH_AT_MOST}") from None


def described(value: object) -> str:
    """What a value is, in words and without its content: `a list`, `null`, `a boolean`."""
    if value is None:
        return "null"
    names = {bool: "a boolean", int: "an integer", float: "a number", str: "a string", list: "a list",
             dict: "an object", bytes: "bytes"}
    return names.get(type(value), f"a value of type {type(value).__name__}")


def _refuse_depth(text: str) -> None:
    depth = 0
    for match in _BRACKETS.finditer(text):
        if match[0] in ("[", "{"):
            depth += 1
            if depth > DEPTH_AT_MOST:
                raise NotJson(f"is JSON nested deeper than {DEPTH_AT_MOST}")
        elif match[0] in ("]", "}"):
            depth -= 1


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise NotJson("is JSON that names a field twice")
    return fields


def _integer(digits: str) -> int:
    if len(digits) > DIGITS_AT_MOST:
        raise NotJson(f"holds a number of {len(digits):,} digits, out of the range of float32")
    return int(digits)


def _number(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value) or abs(value) > NUMBER_AT_MOST:
        raise NotJson("holds a number out of the range of float32")
    return value


def _constant(name: str) -> NoReturn:
    raise NotJson(f"is not JSON: {name} is no JSON number")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_once, parse_int=_integer, parse_float=_number, parse_constant=_constant)
