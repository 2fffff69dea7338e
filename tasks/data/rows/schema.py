"""From a raw row to a canonical row, or the reason why not. No type is converted and nothing is guessed.

A canonical row holds the texts of its kind, and those of META that the file has:

    preferences     prompt, chosen, rejected   (transcripts, edits, two chats or two ratings are one)
    demonstrations  prompt, response           (a chat becomes a demonstration of its last answer)
    labels          prompt, response, label    (good or bad)
    prompts         prompt
    text            text
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from tasks.contracts.data_config import Kind
from tasks.data.reading.strict_json import described
from tasks.data.rows.chats import comparison_of_chats, demonstration_of, is_messages
from tasks.data.rows.judgements import VOTES, comparison_of_edit, margin_of_votes
from tasks.data.rows.kinds import SPELLINGS, TEXTS, checked_kind, kind_of, kind_of_row
from tasks.data.rows.labels import label_of
from tasks.data.rows.normal_text import normal
from tasks.data.rows.refusals import RowRefused
from tasks.data.rows.row_meta import HALF_PAIR, META, UNSEEN, canonical_meta, meta_faults
from tasks.data.rows.transcripts import comparison_of, with_history
from tasks.data.rows.unicode_forms import nfc

__all__ = ["META", "SPELLINGS", "TEXTS", "Canonical", "Row", "canonical_row", "checked_kind", "kind_of", "kind_of_row",
           "refuse_texts"]

Row = dict[str, str | float]

_PAIRS: tuple[Kind, ...] = ("preferences", "transcripts")


class Canonical(NamedTuple):
    row: Row
    signs: tuple[str, ...]  # what the reading noticed: "roles", "history"
    unknown: frozenset[str]  # fields of the raw row that were left out


def canonical_row(
        kind: Kind, raw: Mapping[str, object], columns: Mapping[str, str], characters_at_most: int,
        good_from: float | None = None) -> Canonical:
    """Return the canonical row that a raw row stands for.

    Args:
        columns: our field name -> the file's, for files that call a field otherwise.
        good_from: of labels, the least number that is good; None: no number is a label.

    Raises:
        RowRefused: a field is missing, null, of another type, empty or too long, or chosen and rejected are the
            same but for case, white space and Unicode form. All faults of missing fields and types are named at once.
    """
    if kind == "ratings":
        raise RowRefused("a rating is a row only beside another one of the same prompt")
    row = renamed(raw, columns)
    spelling = _spelling(kind, row)
    faults = _field_faults(spelling, row, is_chat=_is_chat(kind, row))
    if faults:
        raise RowRefused("; ".join(faults))
    texts, signs, used = _texts(kind, spelling, row)
    if kind == "labels":
        texts["label"] = label_of(row[spelling["label"]], good_from, spelling["label"])
    texts = {name: nfc(text) for name, text in texts.items()}
    refuse_texts(texts, characters_at_most)
    meta = canonical_meta(row)
    if "chosen" in texts and (votes := margin_of_votes(row)) is not None:
        meta, used = {"margin": votes, **meta}, {*used, *VOTES}
    return Canonical({**texts, **meta}, signs, frozenset(row.keys() - used - META.keys()))


def _texts(
        kind: Kind, spelling: Mapping[str, str], row: Mapping[str, object],
) -> tuple[dict[str, str], tuple[str, ...], set[str]]:
    """The texts of a row, what was noticed, and the names of the fields that went into them."""
    used = set(spelling.values())
    chat = _chat_texts(kind, spelling, row)
    if chat is not None:
        return chat[0], ("roles",) if chat[1] else (), used | {"prompt"}
    texts = {ours: str(row[name]) for ours, name in spelling.items()}
    if kind == "edits":
        return comparison_of_edit(texts), (), used
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


def _chat_texts(
        kind: Kind, spelling: Mapping[str, str], row: Mapping[str, object]) -> tuple[dict[str, str], bool] | None:
    """The texts of a row that has messages; None where it has none."""
    if kind == "messages":
        return demonstration_of(spelling["messages"], row[spelling["messages"]])
    if _is_chat(kind, row):
        return comparison_of_chats(row.get("prompt"), row["chosen"], row["rejected"])
    return None


def _is_chat(kind: Kind, row: Mapping[str, object]) -> bool:
    """Whether texts of a row may be lists of messages."""
    return kind == "messages" or (
        kind in _PAIRS and is_messages(row.get("chosen")) and is_messages(row.get("rejected")))


def renamed(raw: Mapping[str, object], columns: Mapping[str, str]) -> Mapping[str, object]:
    """A raw row with our names for the columns that are named otherwise."""
    if not columns:
        return raw
    taken = set(columns.values())
    kept = {name: value for name, value in raw.items() if name not in taken and name not in columns}
    return kept | {ours: raw[name] for ours, name in columns.items() if name in raw}


def _spelling(kind: Kind, names: Collection[str]) -> dict[str, str]:
    whole = (spelling for spelling in SPELLINGS[kind] if all(name in names for name in spelling.values()))
    return next(whole, SPELLINGS[kind][0])


def _field_faults(spelling: Mapping[str, str], row: Mapping[str, object], *, is_chat: bool) -> list[str]:
    faults = []
    for ours, name in spelling.items():
        if name not in row:
            faults.append(f"{name} is missing")
        elif row[name] is None:
            faults.append(f"{name} is null, wanted a string")
        elif ours != "label" and not isinstance(row[name], str) and not (is_chat and is_messages(row[name])):
            faults.append(f"{name} has the wrong type: {described(row[name])}, wanted a string")
    for name, wanted in META.items():
        value = row.get(name)
        if value is not None and name not in spelling.values():
            faults += meta_faults(name, wanted, value)
    return faults


def _with_input(extra: object, instruction: str) -> str:
    if extra in (None, ""):
        return instruction
    if not isinstance(extra, str):
        raise RowRefused(f"input has the wrong type: {described(extra)}, wanted a string")
    return f"{instruction}\n\n{extra}"


def refuse_texts(texts: Mapping[str, str], characters_at_most: int) -> None:
    """Raise RowRefused where a text is empty or too long, or the two answers are one."""
    for name, text in texts.items():
        if not text.strip(UNSEEN):
            raise RowRefused(f"{name} is empty{' but for invisible characters' if text.strip() else ''}")
        if len(text) > characters_at_most:
            raise RowRefused(f"{name} has {len(text):,} characters, at most {characters_at_most:,} may be")
        if not text.isascii() and HALF_PAIR.search(text):
            raise RowRefused(f"{name} holds half of a surrogate pair, which no UTF-8 can hold")
    if "chosen" in texts and normal(texts["chosen"]) == normal(texts["rejected"]):
        exact = texts["chosen"] == texts["rejected"]
        raise RowRefused("chosen and rejected are identical" if exact else
                         "chosen and rejected are the same but for case, white space or Unicode form")
