"""What each row of a block shows, and the keys that it is known by among all others."""

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from tasks.contracts.data_config import Split
from tasks.contracts.errors import DataRefused
from tasks.data.checks.annotator_keys import annotator_key
from tasks.data.checks.markers import codes_of, is_counted
from tasks.data.checks.observations import LABELLED_BAD, LABELLED_GOOD, LONGER, SHORTER, bits_of, signs_of
from tasks.data.checks.scripts import script_of
from tasks.data.checks.shingles import Signatures, signatures
from tasks.data.reading.blocks import Block
from tasks.data.reading.raw_rows import RawRow
from tasks.data.rows.labels import BAD
from tasks.data.rows.normal_text import key_bytes, letters_and_digits, normal, same_prompt
from tasks.data.rows.row_bytes import joined, members
from tasks.data.rows.schema import META, Row

KEYS = ("row", "id", "texts", "letters", "prompt", "label", "answer")  # what rows are known by; NO_KEY: by none
NO_KEY = 0
UNKNOWN_AT_MOST = 1000  # names of fields that nobody asked for
_NONE = bytes(8)


class Words(NamedTuple):
    """Words of pairs that one answer alone has, as markers.Markers.add wants them."""

    codes: np.ndarray
    lines: np.ndarray
    sizes: np.ndarray


@dataclass(frozen=True)
class Looked:
    """What is known of the rows of one block. Arrays are as long as the rows that are not refused, in their order.

    Attributes:
        ids: uint8 [rows, 32], the sha256 that each row is named by.
        keys: name of KEYS -> uint64 [rows].
        swapped: bool [rows]: of its two answers the one whose key is larger is the chosen one; or its label is bad.
        signs: uint64 [rows], the bits of what each shows.
        sizes: bytes of each checked row, with its line end, in the block's file.
        annotators: uint64 [rows], the keys of those who labelled them; scripts: uint8 [rows], places in SCRIPTS.
        refusal: why the file cannot be read on after these rows; empty where it can.
        near: the signatures of the rows; prompts: of their prompts, without those where a kind has none.
    """

    rows_read: int
    refused: list[tuple[int, str]]
    unknown: frozenset[str]
    lines: np.ndarray
    ids: np.ndarray
    keys: dict[str, np.ndarray]
    swapped: np.ndarray
    signs: np.ndarray
    sizes: np.ndarray
    near: Signatures
    prompts: Signatures
    annotators: np.ndarray
    scripts: np.ndarray
    words: Words
    refusal: str = ""


def note_names(known: set[str], names: Collection[str]) -> None:
    """Add names of fields; of a file that makes up ever new ones the first UNKNOWN_AT_MOST are kept, and a few more."""
    if len(known) < UNKNOWN_AT_MOST and not known.issuperset(names):
        known.update(sorted(names)[:UNKNOWN_AT_MOST])


@dataclass
class BlockRows:
    """The rows of a block so far."""

    rows_read: int = 0
    refused: list[tuple[int, str]] = field(default_factory=list)
    unknown: set[str] = field(default_factory=set)
    lines: list[int] = field(default_factory=list)
    texts: list[bytes] = field(default_factory=list)
    ids: list[bytes] = field(default_factory=list)
    keys: list[bytes] = field(default_factory=list)
    swapped: list[bool] = field(default_factory=list)
    signs: list[int] = field(default_factory=list)
    annotators: list[str | None] = field(default_factory=list)
    scripts: list[int] = field(default_factory=list)
    words: list[tuple[int, list[int]]] = field(default_factory=list)  # line, codes
    near: list[str] = field(default_factory=list)
    prompts: list[str] = field(default_factory=list)
    refusal: str = ""

    def rows_of(self, block: Block) -> Iterator[RawRow]:
        """Count the rows of a block, up to its end or to where it cannot be read on."""
        try:
            for raw in block.read():
                self.rows_read += 1
                yield raw
        except DataRefused as refusal:
            self.refusal = refusal.message()

    def take(self, row: Row, signs: Sequence[str], split: Split | None) -> None:
        """Note what one canonical row is known by; write it with its split where one is given."""
        parts = members(row)
        digest = hashlib.sha256(joined(parts))
        self.ids.append(digest.digest())
        if split is not None:
            own = {"source_id": parts["id"]} if "id" in parts else {}
            self.texts.append(joined({**parts, **own, "id": f'"{digest.hexdigest()}"', "split": f'"{split}"'}) + b"\n")
        annotator = row.get("annotator")
        self.annotators.append(annotator if isinstance(annotator, str) else None)
        texts = [str(value) for name, value in row.items() if name not in META]
        self._note_keys(row, texts)
        self.scripts.append(script_of(texts[:-1] if "label" in row else texts))  # of what people wrote
        if "rejected" in row and is_counted(self.lines[-1]):
            self.words.append((self.lines[-1], codes_of(str(row["chosen"]), str(row["rejected"]))))
        self.signs.append(bits_of((*signs, *signs_of(row, texts))) | _side(row))
        self.near.append("\n".join(texts))
        if "prompt" in row:
            self.prompts.append(str(row["prompt"]))

    def _note_keys(self, row: Row, texts: Sequence[str]) -> None:
        name = key_bytes(normal(str(row["id"]))) if "id" in row else _NONE
        prompt = same_prompt(str(row["prompt"])) if "prompt" in row else ""
        answer = normal(str(row.get("chosen", row.get("response", "")))) if texts else ""
        chosen = key_bytes(answer) if "chosen" in row or "response" in row else _NONE
        label, swapped = _NONE, False
        if "rejected" in row:
            rejected = key_bytes(normal(str(row["rejected"])))
            swapped = chosen > rejected
            label = key_bytes(prompt, *map(bytes.hex, sorted((chosen, rejected))))
        if "label" in row:
            label, swapped = key_bytes(prompt, chosen.hex()), row["label"] == BAD
        self.swapped.append(swapped)
        self.keys += (self.ids[-1][:8], name, key_bytes(*texts), key_bytes(*map(letters_and_digits, texts)),
                      key_bytes(prompt) if "prompt" in row else _NONE, label, chosen)

    def looked(self) -> Looked:
        """The lists as arrays."""
        keys = np.frombuffer(b"".join(self.keys), ">u8").astype(np.uint64).reshape(-1, len(KEYS))
        return Looked(
            self.rows_read, self.refused, frozenset(self.unknown), np.array(self.lines, np.int64),
            np.frombuffer(b"".join(self.ids), np.uint8).reshape(-1, 32),
            {name: keys[:, place] for place, name in enumerate(KEYS)}, np.array(self.swapped, bool),
            np.array(self.signs, np.uint64), np.array(list(map(len, self.texts)), np.int64),
            signatures(self.near), signatures(self.prompts),
            np.array(list(map(annotator_key, self.annotators)), np.uint64), np.array(self.scripts, np.uint8),
            Words(np.array([code for _, codes in self.words for code in codes], np.int64),
                  np.array([line for line, _ in self.words], np.int64),
                  np.array([len(codes) for _, codes in self.words], np.int64)), self.refusal)


def _side(row: Row) -> int:
    """The bit that says which answer of a pair is longer, or what an answer was labelled; 0 where neither is said."""
    if "label" in row:
        return LABELLED_BAD if row["label"] == BAD else LABELLED_GOOD
    if "rejected" not in row:
        return 0
    difference = len(str(row["chosen"])) - len(str(row["rejected"]))
    return LONGER if difference > 0 else SHORTER if difference < 0 else 0
