"""Changes to params.yaml from the command line: checked before they are written, comments and order kept."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tasks.contracts.config import load_params, parse_params
from tasks.contracts.errors import ParamsInvalid
from tasks.contracts.places import PARAMS
from tasks.stage.files import write_whole


@dataclass(frozen=True)
class Change:
    """One setting that has another value now."""

    key: str
    old: object
    new: object

    def __str__(self) -> str:
        return f"{self.key}: {self.old} -> {self.new}"


def change(settings: Sequence[str], path: Path = PARAMS) -> list[Change]:
    """Write `section.key=value` settings into params.yaml and return what changed; a list's entries go by number.

    The file that would result is read and checked first, so it is written whole and valid or not at all.

    Raises:
        ParamsInvalid: a setting has no `=`, names no place, or would make params.yaml invalid.
    """
    if not settings:
        return []
    load_params(path)  # a file that is broken already is not ours to mend
    from ruamel.yaml import YAML
    from ruamel.yaml.util import load_yaml_guess_indent

    document, indent, offset = load_yaml_guess_indent(path.read_text(encoding="utf-8"), preserve_quotes=True)
    changes = [_set(document, setting) for setting in settings]
    changes = [one for one in changes if one.old != one.new]
    writer: Any = YAML()
    writer.preserve_quotes, writer.width = True, 4096
    writer.indent(mapping=indent or 2, sequence=indent or 2, offset=offset or 0)
    text = _dumped(writer, document)
    parse_params(yaml.safe_load(text), where=f"{path} with {', '.join(settings)}")
    if changes:
        write_whole(path, text)
    return changes


def _set(document: Any, setting: str) -> Change:
    key, equals, text = setting.partition("=")
    if not equals or not key:
        raise ParamsInvalid("is no setting", where=f"--set {setting}", wanted="KEY=VALUE, e.g. ppo.updates=20")
    *above, last = key.split(".")
    place = document
    for part in above:
        place = _below(place, part, setting)
    value = _parsed(text)
    index: Any = _index(place, last, setting) if isinstance(place, list) else last
    if not isinstance(place, list | dict):
        raise ParamsInvalid("has nothing below it to set", where=f"--set {setting}", found=f"{place!r}")
    old = copy.deepcopy(place[index] if isinstance(place, list) else place.get(index))
    if old != value:
        place[index] = value
    return Change(key, old, value)


def _below(place: Any, part: str, setting: str) -> Any:
    if isinstance(place, list):
        return place[_index(place, part, setting)]
    if not isinstance(place, dict):
        raise ParamsInvalid("has nothing below it to set", where=f"--set {setting}", found=f"{place!r}")
    if place.get(part) is None:  # a section that the file leaves at its defaults
        place[part] = {}
    return place[part]


def _index(place: list[Any], part: str, setting: str) -> int:
    if not part.isdigit() or int(part) >= len(place):
        raise ParamsInvalid(
            "names no entry of the list", where=f"--set {setting}", wanted=f"0 to {len(place) - 1}", found=part)
    return int(part)


def _parsed(text: str) -> object:
    """A value as YAML reads it; 1e-4 too, which YAML 1.1 takes for a text."""
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise ParamsInvalid("is no value that YAML can read", where="--set", found=text) from None
    if isinstance(value, str) and value == text:
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _dumped(writer: Any, document: Any) -> str:
    import io

    text = io.StringIO()
    writer.dump(document, text)
    return text.getvalue()
