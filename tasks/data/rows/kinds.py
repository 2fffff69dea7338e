"""What rows can be, and how a file may call their fields."""

from collections.abc import Collection, Mapping

from tasks.contracts.data_config import Kind
from tasks.data.rows.labels import is_label

TEXTS: dict[Kind, tuple[str, ...]] = {
    "preferences": ("prompt", "chosen", "rejected"), "transcripts": ("chosen", "rejected"),
    "edits": ("prompt", "original", "edited"), "ratings": ("prompt", "response", "rating"),
    "labels": ("prompt", "response", "label"),
    "demonstrations": ("prompt", "response"), "messages": ("messages",), "prompts": ("prompt",), "text": ("text",)}

# what a kind may be called in a file: our field -> the file's; the first spelling is our own
SPELLINGS: dict[Kind, tuple[dict[str, str], ...]] = {
    kind: ({text: text for text in texts},) for kind, texts in TEXTS.items()}
SPELLINGS["demonstrations"] += (
    {"prompt": "instruction", "response": "output"}, {"prompt": "question", "response": "answer"},
    {"prompt": "prompt", "response": "completion"})
SPELLINGS["labels"] += (
    {"prompt": "prompt", "response": "completion", "label": "label"},
    {"prompt": "prompt", "response": "response", "label": "rating"})
SPELLINGS["messages"] += ({"messages": "conversations"},)
_GUESSES: tuple[Kind, ...] = (  # most fields first; a chat may name its first question apart
    "preferences", "transcripts", "edits", "ratings", "demonstrations", "messages", "prompts", "text")
_CHECKED: dict[Kind, Kind] = {
    "transcripts": "preferences", "edits": "preferences", "ratings": "preferences", "messages": "demonstrations"}


def kind_of(names: Collection[str]) -> Kind | None:
    """Tell what a row is from the names of its fields; null where it is none of the kinds."""
    return next((kind for kind in _GUESSES for spelling in SPELLINGS[kind]
                 if all(name in names for name in spelling.values())), None)


def kind_of_row(row: Mapping[str, object], columns: Mapping[str, str]) -> Kind | None:
    """As kind_of, for a whole row: a prompt and an answer beside a label in words are a label and no demonstration.

    Args:
        columns: our field name -> the file's.
    """
    names = frozenset(row) | {ours for ours, name in columns.items() if name in row}
    kind = kind_of(names)
    if kind == "demonstrations" and is_label(row.get(columns.get("label", "label"))):
        return "labels" if any(names.issuperset(spelling.values()) for spelling in SPELLINGS["labels"]) else kind
    return kind


def checked_kind(kind: Kind) -> Kind:
    """The kind of a row once it is canonical: transcripts and edits are preferences then, chats demonstrations."""
    return _CHECKED.get(kind, kind)
