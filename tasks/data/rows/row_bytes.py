"""The canonical JSON of a flat row, written fast: the same bytes as contracts.canonical.canonical_json.

RFC 8785 of a flat object is its members by the UTF-16 code units of their names, without white space; its strings are
escaped as the C encoder of Python's json does without ASCII escapes. Names here are plain ASCII, so that their order is
that of their bytes. Numbers are left to rfc8785.
"""

from collections.abc import Mapping
from json.encoder import encode_basestring as quoted  # the C function where there is one

import rfc8785

Members = dict[str, str]  # name -> the JSON of its value


def members(row: Mapping[str, str | float]) -> Members:
    """The JSON of each value of a row whose texts are in Unicode NFC already, as schema.canonical_row leaves them.

    Raises:
        ValueError: a number is NaN or infinite.
    """
    return {name: quoted(value) if isinstance(value, str) else rfc8785.dumps(value).decode()
            for name, value in row.items()}


def joined(parts: Members) -> bytes:
    """The object as RFC 8785 bytes. Raises ValueError where a text holds a lone surrogate."""
    return ("{" + ",".join([f'"{name}":{parts[name]}' for name in sorted(parts)]) + "}").encode()
