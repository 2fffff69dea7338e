"""A source more in params.yaml: one line after the last one, every other character left as it stands."""

from collections.abc import Mapping
from typing import Any

import yaml
from yaml import CollectionNode, MappingNode, Node, SequenceNode

from tasks.contracts.config import parse_params
from tasks.contracts.errors import ParamsInvalid
from tasks.contracts.places import PARAMS
from tasks.contracts.yaml_text import read_yaml


def with_source(text: str, source: Mapping[str, Any]) -> str:
    """The text of params.yaml with a source more below data.sources; checked before it is returned.

    Raises:
        ParamsInvalid: the text is no valid params.yaml, is none with the source, or is laid out so that no line can
            be added.
    """
    wanted = read_yaml(text)
    parse_params(wanted, where=str(PARAMS))
    wanted["data"]["sources"].append(dict(source))
    parse_params(wanted, where=f"{PARAMS} with {source['path']}")
    changed = _inserted(text, _sources(text), in_one_line(source))
    if _read(changed) != wanted:
        raise ParamsInvalid("no source can be added from here", where=f"{PARAMS}, data.sources",
                            next_step=f"Add it by hand: - {in_one_line(source)}")
    return changed


def in_one_line(source: Mapping[str, Any]) -> str:
    """A source as one line of YAML, in the order of its settings."""
    return yaml.safe_dump(dict(source), default_flow_style=True, width=10**9, allow_unicode=True, sort_keys=False
                          ).strip()


def _sources(text: str) -> SequenceNode:
    node: Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    for name in ("data", "sources"):
        assert isinstance(node, MappingNode)  # parse_params has read it
        node = next(value for key, value in node.value if key.value == name)
    assert isinstance(node, SequenceNode)
    return node


def _inserted(text: str, sources: SequenceNode, line: str) -> str:
    if sources.flow_style:
        end = sources.end_mark.index - 1
        return f"{text[:end].rstrip().removesuffix(',')}, {line}{text[end:]}"
    after = text.find("\n", _end(sources))
    before, rest = (text[:after], text[after:]) if after >= 0 else (text, "\n")
    return f"{before}\n{' ' * sources.start_mark.column}- {line}{rest}"


def _end(node: Node) -> int:
    """Where the last thing of a node ends; a block's own end mark lies behind the comments that follow it."""
    if not isinstance(node, CollectionNode) or node.flow_style:
        return int(node.end_mark.index)
    last = node.value[-1]
    return _end(last[1] if isinstance(last, tuple) else last)


def _read(text: str) -> object:
    try:
        return read_yaml(text)
    except yaml.YAMLError:
        return None
