"""YAML as data: no tag makes an object of ours. Parsed in C where that is there, in a tenth of the time."""

from typing import Any

import yaml

_FAST = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NESTED_AT_MOST = 1000  # what the C parser is given may be nested so deep; some thousands overflow its stack


def read_yaml(text: str) -> Any:
    """What a document says; None for an empty one. Raises yaml.YAMLError where it is no YAML, or nested too deep."""
    loader = _FAST if _nested_at_most(text) <= _NESTED_AT_MOST else yaml.SafeLoader
    try:
        return yaml.load(text, Loader=loader)  # noqa: S506 - both loaders are safe ones
    except RecursionError:
        raise yaml.YAMLError("it is nested too deep") from None


def _nested_at_most(text: str) -> int:
    """A bound that is quickly known: brackets nest once each, indentation needs a sign for each level."""
    return text.count("[") + text.count("{") + max(map(len, text.splitlines()), default=0)
