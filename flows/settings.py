"""Changes to params.yaml from the command line: checked before they are written, everything else left as it stands."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from yaml import CollectionNode, MappingNode, Node, SequenceNode

from tasks.contracts.config import load_params, parse_params
from tasks.contracts.errors import ParamsInvalid
from tasks.contracts.places import PARAMS
from tasks.contracts.yaml_text import read_yaml
from tasks.stage.files import write_whole

NOT_SET = object()  # what a setting was that the file left at its default


@dataclass(frozen=True)
class Change:
    """One setting that has another value now."""

    key: str
    old: object
    new: object

    def __str__(self) -> str:
        return f"{self.key}: {'not set' if self.old is NOT_SET else shown(self.old)} -> {shown(self.new)}"


def change(settings: Sequence[str], path: Path = PARAMS) -> list[Change]:
    """Write `section.key=value` settings into params.yaml and return what changed; a list's entries go by number.

    Only the characters of the value are replaced: comments, order and layout stay. The text that would result is
    read and checked first, so the file is written whole and valid, or not at all.

    Raises:
        ParamsInvalid: a setting has no `=`, names no place, or would make params.yaml invalid.
    """
    if not settings:
        return []
    load_params(path)  # a file that is broken already is not ours to mend
    text, changes = path.read_text(encoding="utf-8"), []
    for setting in settings:
        text, changed = _changed(text, setting)
        changes += [changed] * (changed.old != changed.new)
    parse_params(read_yaml(text), where=f"{path} with {', '.join(settings)}")
    if changes:
        write_whole(path, text)
    return changes


def shown(value: object) -> str:
    """A value as one line of YAML that may stand inside brackets."""
    return yaml.safe_dump([value], default_flow_style=True, width=10**9, allow_unicode=True).strip()[1:-1]


def _changed(text: str, setting: str) -> tuple[str, Change]:
    key, equals, said = setting.partition("=")
    parts = key.split(".")
    if not equals or not all(parts):
        raise ParamsInvalid("is no setting", where=f"--set {setting}", wanted="KEY=VALUE, e.g. ppo.updates=20")
    value, document = _parsed(said, setting), read_yaml(text)
    wanted = copy.deepcopy(document)
    old = _put(wanted, parts, value, setting)
    if old == value:
        return text, Change(key, old, value)
    text = _edited(text, parts, value, setting)
    if read_yaml(text) != wanted:
        raise ParamsInvalid("cannot be changed from here", where=f"--set {setting}", next_step="Edit params.yaml.")
    return text, Change(key, old, value)


def _parsed(said: str, setting: str) -> object:
    """A value as YAML reads it; 1e-4 too, which YAML 1.1 takes for a text."""
    try:
        value = read_yaml(said)
    except yaml.YAMLError:
        raise ParamsInvalid("is no value that YAML can read", where=f"--set {setting}", found=said) from None
    try:
        return float(value) if value == said else value
    except ValueError:
        return value


def _put(place: Any, parts: list[str], value: object, setting: str) -> object:
    """Set a value in plain data and return the one before."""
    first, rest = _index(place, parts[0], setting), parts[1:]
    if rest:
        if not isinstance(place, list) and place.get(first) is None:
            place[first] = {}
        return _put(place[first], rest, value, setting)
    old = place[first] if isinstance(place, list) else place.get(first, NOT_SET)
    place[first] = value
    return old


def _index(place: Any, part: str, setting: str) -> Any:
    if isinstance(place, dict):
        return part
    if not isinstance(place, list):
        raise ParamsInvalid("has nothing below it to set", where=f"--set {setting}", found=f"{part} below {place!r}")
    if not part.isdigit() or int(part) >= len(place):
        raise ParamsInvalid("names no entry of the list", where=f"--set {setting}",
                            wanted=f"0 to {len(place) - 1}", found=part)
    return int(part)


def _edited(text: str, parts: list[str], value: object, setting: str) -> str:
    """Replace the characters of the value that `parts` lead to, or add the first key on the way that is missing."""
    node: Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    for depth, part in enumerate(parts):
        below = _below(node, part)
        if below is None and isinstance(node, MappingNode):
            for name in reversed(parts[depth + 1:]):
                value = {name: value}
            return _inserted(text, node, f"{part}: {shown(value)}")
        node = below
    if node is None or (isinstance(node, CollectionNode) and not node.flow_style):
        raise ParamsInvalid("is a section", where=f"--set {setting}", wanted="one of the settings below it")
    start, end = node.start_mark.index, node.end_mark.index
    return text[:start] + (" " if start == end else "") + shown(value) + text[end:]


def _below(node: Node | None, part: str) -> Node | None:
    if isinstance(node, SequenceNode):
        return node.value[int(part)]
    if isinstance(node, MappingNode):
        return next((value for key, value in node.value if key.value == part), None)
    return None


def _inserted(text: str, node: MappingNode, line: str) -> str:
    start, end = node.start_mark.index, node.end_mark.index
    if node.flow_style:
        return text[:end - 1] + (", " if node.value else "") + line + text[end - 1:]
    return f"{text[:start]}{line}\n{' ' * node.start_mark.column}{text[start:]}"
