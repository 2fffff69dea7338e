"""From a raw row to a canonical row, or the reason why not. No type is converted and nothing is guessed.

A canonical row holds the texts of its kind, and those of META that the file has:

    preferences     prompt, chosen, rejected   (transcripts become preferences)
    demonstrations  prompt, response
    prompts         prompt
    text            text
"""

import math
import re
import unicodedata
from collections.abc import Collection, Mapping
from typing import NamedTuple

from tasks.contracts.data_config import Kind
from tasks.data.normal_text import normal
from tasks.data.refusals import RowRefused
from tasks.data.strict_json import NUMBER_AT_MOST, described
from tasks.data.transcripts import comparison_of, with_history

Row = dict[str, str | float]

META: dict[str, type] = {
    "id": str, "annotator": str, "margin": float, "topic": str, "slice": str, "group": str, "language": str}
META_CHARACTERS_AT_MOST = 256

TEXTS: dict[Kind, tuple[str, ...]] = {
    "preferences": ("prompt", "chosen", "rejected"), "transcripts": ("chosen", "rejected"),
    "demonstrations": ("prompt", "response"), "prompts": ("prompt",), "text": ("text",)}

# what a kind may be called in a file: our field -> the file's; the first spelling is our own
SPELLINGS: dict[Kind, tuple[dict[str, str], ...]] = {
    kind: ({text: text for text in texts},) for kind, texts in TEXTS.items()}
SPELLINGS["demonstrations"] += (
    {"prompt": "instruction", "response": "output"}, {"prompt": "question", "response": "answer"},
    {"prompt": "prompt", "response": "completion"})
_GUESSES: tuple[Kind, ...] = ("preferences", "transcripts", "demonstrations", "prompts", "text")  # most fields first
_HALF_PAIR = re.compile("[\ud800-\udfff]")


class Canonical(NamedTuple):
    row: Row
    signs: tuple[str, ...]  # what the reading noticed: "roles", "history"
    unknown: frozenset[str]  # fields of the raw row that were left out


def kind_of(names: Collection[str]) -> Kind | None:
    """Tell what a row is from the names of its fields; null where it is none of the kinds."""
    return next((kind for kind in _GUESSES for spelling in SPELLINGS[kind]
                 if all(name in names for name in spelling.values())), None)


def checked_kind(kind: Kind) -> Kind:
    """The kind that a row has once it is canonical: transcripts have become preferences."""
    return "preferences" if kind == "transcripts" else kind


def canonical_row(
        kind: Kind, raw: Mapping[str, object], columns: Mapping[str, str], characters_at_most: int) -> Canonical:
    """Return the canonical row that a raw row stands for.

    Args:
        columns: our field name -> the file's, for files that call a field otherwise.

    Raises:
        RowRefused: a field is missing, null, of another type, empty or too long, or chosen and rejected are the
            same but for case, white space and Unicode form. All faults of missing fields and types are named at once.
    """
    renamed = _renamed(raw, columns)
    spelling = _spelling(kind, renamed)
    faults = _field_faults(spelling, renamed)
    if faults:
        raise RowRefused("; ".join(faults))
    texts, signs, used = _texts(kind, spelling, renamed)
    texts = {name: unicodedata.normalize("NFC", text) for name, text in texts.items()}
    _refuse_texts(texts, characters_at_most)
    return Canonical({**texts, **_meta(renamed)}, signs, frozenset(renamed.keys() - used - META.keys()))


def _texts(
        kind: Kind, spelling: Mapping[str, str], row: Mapping[str, object],
) -> tuple[dict[str, str], tuple[str, ...], set[str]]:
    """The texts of a row, what was noticed, and the names of the fields that went into them."""
    texts = {ours: str(row[name]) for ours, name in spelling.items()}
    used = set(spelling.values())
    if kind == "transcripts":
        texts, inline = comparison_of(texts["chosen"], texts["rejected"])
        return texts, ("roles",) if inline else (), used
    if spelling.get("prompt") == "instruction":
        texts["prompt"] = _with_input(row.get("input"), texts["prompt"])
        used.add("input")
    history = row.get("history")
    if "prompt" not in texts or not isinstance(history, list):
        return texts, (), used
    texts["prompt"] = with_history(history, texts["prompt"])
    return texts, ("history",) if history else (), used | {"history"}


def _renamed(raw: Mapping[str, object], columns: Mapping[str, str]) -> Mapping[str, object]:
    if not columns:
        return raw
    taken = set(columns.values())
    kept = {name: value for name, value in raw.items() if name not in taken and name not in columns}
    return kept | {ours: raw[name] for ours, name in columns.items() if name in raw}


def _spelling(kind: Kind, names: Collection[str]) -> dict[str, str]:
    whole = (spelling for spelling in SPELLINGS[kind] if all(name in names for name in spelling.values()))
    return next(whole, SPELLINGS[kind][0])


def _field_faults(spelling: Mapping[str, str], row: Mapping[str, object]) -> list[str]:
    faults = []
    for name in spelling.values():
        if name not in row:
            faults.append(f"{name} is missing")
        elif row[name] is None:
            faults.append(f"{name} is null, wanted a string")
        elif not isinstance(row[name], str):
            faults.append(f"{name} has the wrong type: {described(row[name])}, wanted a string")
    for name, wanted in META.items():
        value = row.get(name)
        if value is not None and name not in spelling.values():
            faults += _meta_faults(name, wanted, value)
    return faults


def _meta_faults(name: str, wanted: type, value: object) -> list[str]:
    if wanted is float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return [f"{name} has the wrong type: {described(value)}, wanted a number"]
        # this way round, so that NaN refuses
        return [] if math.fabs(value) <= NUMBER_AT_MOST else [f"{name} is a number out of the range of float32"]
    if not isinstance(value, str):
        return [f"{name} has the wrong type: {described(value)}, wanted a string"]
    if name == "id" and not value.strip():
        return ["id is empty"]
    if _HALF_PAIR.search(value):
        return [f"{name} holds half of a surrogate pair"]
    if len(value) > META_CHARACTERS_AT_MOST:
        return [f"{name} has {len(value):,} characters, at most {META_CHARACTERS_AT_MOST} may be"]
    return []


def _meta(row: Mapping[str, object]) -> Row:
    """The known fields beside the texts; null and empty ones are as good as absent."""
    meta: Row = {}
    for name in META:
        value = row.get(name)
        if isinstance(value, str):
            meta |= {name: unicodedata.normalize("NFC", value)} if value else {}
        elif isinstance(value, int | float):
            meta[name] = float(value)
    return meta


def _with_input(extra: object, instruction: str) -> str:
    if extra in (None, ""):
        return instruction
    if not isinstance(extra, str):
        raise RowRefused(f"input has the wrong type: {described(extra)}, wanted a string")
    return f"{instruction}\n\n{extra}"


def _refuse_texts(texts: Mapping[str, str], characters_at_most: int) -> None:
    for name, text in texts.items():
        if not text.strip():
            raise RowRefused(f"{name} is empty")
        if len(text) > characters_at_most:
            raise RowRefused(f"{name} has {len(text):,} characters, at most {characters_at_most:,} may be")
        if not text.isascii() and _HALF_PAIR.search(text):
            raise RowRefused(f"{name} holds half of a surrogate pair, which no UTF-8 can hold")
    if "chosen" in texts and normal(texts["chosen"]) == normal(texts["rejected"]):
        exact = texts["chosen"] == texts["rejected"]
        raise RowRefused("chosen and rejected are identical" if exact else
                         "chosen and rejected are the same but for case, white space or Unicode form")
