"""YAML as data: no tag makes an object of ours. Parsed in C where that is there, in a tenth of the time."""

from typing import Any

import yaml

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(text: str) -> Any:
    """What a document says; None for an empty one. Raises yaml.YAMLError where it is no YAML."""
    return yaml.load(text, Loader=_LOADER)  # noqa: S506 - both loaders are safe ones
