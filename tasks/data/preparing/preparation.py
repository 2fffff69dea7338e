"""From checked rows to shards of token ids: one file for each use and part."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

from tasks.contracts.data_config import DataConfig, Kind
from tasks.data.preparing.batches import read_rows_in_batches, shard_line
from tasks.data.preparing.row_ids import RowIds
from tasks.data.preparing.splits import Part, fraction, part_of, prompt_id, prompt_key
from tasks.data.preparing.tokenizer import Layout
from tasks.data.rows.labels import BAD, GOOD

BATCH_ROWS = 1000
NAMES = ("sft_train", "sft_validation", "preferences_train", "preferences_validation", "preferences_test",
         "labels_train", "labels_validation", "labels_test", "prompts_train", "prompts_validation", "prompts_test",
         "text_train", "preferences_judge", "labels_judge")
PROMPT_KINDS: tuple[Kind, ...] = (  # rows of `prompts` say most, so first
    "prompts", "demonstrations", "preferences", "labels")
ANSWERED_KINDS: tuple[Kind, ...] = ("demonstrations", "preferences", "labels")
ABOUT_PROMPTS = ("topic", "slice", "group", "language")  # fields that a prompt keeps

Row = dict[str, Any]


class Shards:
    """The open shard files of one folder; counts rows and remembers their ids, those of their prompts, and labels."""

    def __init__(self, folder: Path, names: Sequence[str]):
        self._files = ExitStack()
        self._open: dict[str, BinaryIO] = {
            name: self._files.enter_context((folder / f"{name}.jsonl").open("wb")) for name in names}
        self.rows = Counter(dict.fromkeys(names, 0))
        self.ids: dict[str, RowIds] = {name: RowIds() for name in names}
        self.prompts: dict[str, RowIds] = {name: RowIds() for name in names}
        self.labels: dict[str, set[bool]] = {name: set() for name in names}

    def __enter__(self) -> "Shards":
        return self

    def __exit__(self, *error: object) -> None:
        self._files.close()

    def add(self, name: str, row: Row, source: Row) -> None:
        """Append one row, made from a checked one, to a shard; rows of a shard that was not asked for are left out."""
        if name in self._open:
            self._open[name].write(shard_line(row))
            self.rows[name] += 1
            self.ids[name].add(row["id"])
            if "prompt" in source:
                self.prompts[name].add(prompt_id(source["prompt"]))
            if "good" in row:
                self.labels[name].add(row["good"])


class CheckedRows:
    """The checked rows of a folder, each with the part it belongs to.

    Where a kind has so few prompts that none of them falls into validation, the training prompt that came nearest
    goes there, with all its rows of all kinds; without one no best checkpoint could be chosen. Good and bad labels are
    two kinds here, since one alone measures nothing.
    """

    def __init__(self, folder: Path, config: DataConfig):
        self._folder, self._config = folder, config
        divided = any(source.split == "auto" for source in config.sources)
        self._trained = frozenset(self._trained_prompts()) if divided else frozenset()
        self._moved: set[int] = set()  # keys of prompts that were moved from train into validation
        for kind in ANSWERED_KINDS:
            for label in (GOOD, BAD) if kind == "labels" else (None,):
                self._moved |= self._nearest_to_validation(kind, label)

    def has(self, kind: Kind) -> bool:
        """True if there is a row of the kind."""
        return next(self._batches(kind), None) is not None

    def parts(self, kind: Kind) -> Iterator[list[tuple[Part, Row]]]:
        """Yield (part, row) in batches, in order."""
        for batch in self._batches(kind):
            yield [(self._part(row), row) for row in batch]

    def training_texts(self) -> Iterator[str]:
        """Every text that may be learned from: what a tokenizer is trained on."""
        for row in self.training_rows():
            yield from (row[name] for name in ("text", "prompt", "response", "chosen", "rejected") if name in row)

    def training_rows(self) -> Iterator[Row]:
        """The rows of these texts."""
        kinds: tuple[Kind, ...] = ("text", "demonstrations", "preferences", "labels")
        for kind in kinds:
            for batch in self.parts(kind):
                yield from (row for part, row in batch if part == "train")

    def _trained_prompts(self) -> Iterator[int]:
        for kind in PROMPT_KINDS:
            for batch in self._batches(kind):
                yield from (prompt_key(row["prompt"]) for row in batch if row["split"] == "train")

    def _nearest_to_validation(self, kind: Kind, label: str | None) -> set[int]:
        """Key of the prompt to move, in a set; empty where validation has rows of the kind, or train has none.

        Args:
            label: of the rows that count; None: all do.
        """
        nearest: tuple[float, int] | None = None
        for whole in self.parts(kind):
            batch = whole if label is None else [(part, row) for part, row in whole if row["label"] == label]
            if any(part == "validation" for part, _ in batch):
                return set()
            for prompt in {row["prompt"] for part, row in batch if part == "train"}:
                place = (fraction(prompt, self._config.split_salt, "validation"), prompt_key(prompt))
                nearest = min(nearest or place, place)
        return {nearest[1]} if nearest else set()

    def _part(self, row: Row) -> Part:
        if "prompt" not in row:
            return "test" if row["split"] == "test" else "train"
        part = part_of(row["prompt"], row["split"], self._config, self._trained)
        return "validation" if part == "train" and self._moved and prompt_key(row["prompt"]) in self._moved else part

    def _batches(self, kind: Kind) -> Iterator[list[Row]]:
        path = self._folder / f"{kind}.jsonl"
        return read_rows_in_batches(path, BATCH_ROWS) if path.exists() else iter(())


def write_answers(rows: CheckedRows, kind: Kind, answer: str, layout: Layout, shards: Shards) -> None:
    """Write sft_PART: the prompt and the answer that SFT learns, `response` or `chosen`."""
    for batch in rows.parts(kind):
        encoded = _encoded(batch, layout, {"response": answer})
        for (part, source), row in zip(batch, encoded, strict=True):
            shards.add(f"sft_{part}", row, source)


def write_comparisons(rows: CheckedRows, layout: Layout, shards: Shards) -> None:
    """Write preferences_PART: prompt, chosen and rejected."""
    for batch in rows.parts("preferences"):
        encoded = _encoded(batch, layout, {"chosen": "chosen", "rejected": "rejected"})
        for (part, source), row in zip(batch, encoded, strict=True):
            shards.add(f"preferences_{part}", row, source)


def write_labels(rows: CheckedRows, layout: Layout, shards: Shards) -> None:
    """Write labels_PART: prompt, response, and whether it is good."""
    for batch in rows.parts("labels"):
        encoded = _encoded(batch, layout, {"response": "response"})
        for (part, source), row in zip(batch, encoded, strict=True):
            shards.add(f"labels_{part}", {**row, "good": source["label"] == GOOD}, source)


def write_prompts(rows: CheckedRows, layout: Layout, shards: Shards) -> None:
    """Write prompts_PART: every different prompt once, with its text and what its first row says about it.

    A prompt whose first row is a demonstration has the response as `reference`, the answer that somebody wrote to it.
    """
    seen: set[int] = set()
    for kind in PROMPT_KINDS:
        for batch in rows.parts(kind):
            new = [(part, row) for part, row in batch if not _is_seen(row, seen)]
            for (part, row), ids in zip(new, layout.prompts([row["prompt"] for _, row in new]), strict=True):
                about = {name: row[name] for name in ABOUT_PROMPTS if name in row}
                if kind == "demonstrations":
                    about["reference"] = row["response"]
                shards.add(f"prompts_{part}", {"id": row["id"], "prompt": ids, "text": row["prompt"], **about}, row)


def write_text(rows: CheckedRows, layout: Layout, shards: Shards) -> None:
    """Write text_train: the passages of `text` rows; where there are none, the rows that train, prompt and answers."""
    for batch in rows.parts("text"):
        for (part, row), passages in zip(batch, layout.passages([row["text"] for _, row in batch]), strict=True):
            for ids in passages:
                shards.add(f"text_{part}", {"id": row["id"], "ids": ids}, row)
    if not rows.has("text"):
        _write_dialogues(rows, "demonstrations", ("response",), layout, shards)
        _write_dialogues(rows, "preferences", ("chosen", "rejected"), layout, shards)
        _write_dialogues(rows, "labels", ("response",), layout, shards)


def _write_dialogues(rows: CheckedRows, kind: Kind, answers: Sequence[str], layout: Layout, shards: Shards) -> None:
    for batch in rows.parts(kind):
        encoded = _encoded(batch, layout, {answer: answer for answer in answers})
        for (part, source), row in zip(batch, encoded, strict=True):
            for answer in answers:
                shards.add(f"text_{part}", {"id": row["id"], "ids": row["prompt"] + row[answer]}, source)


def _encoded(batch: Sequence[tuple[Part, Row]], layout: Layout, answers: Mapping[str, str]) -> Iterator[Row]:
    """Rows of token ids: the prompt, and each answer (our name -> the row's)."""
    prompts = layout.prompts([row["prompt"] for _, row in batch])
    columns = [layout.responses([row[name] for _, row in batch]) for name in answers.values()]
    for (_, row), prompt, *ids in zip(batch, prompts, *columns, strict=True):
        yield {"id": row["id"], "prompt": prompt, **dict(zip(answers, ids, strict=True))}


def _is_seen(row: Row, seen: set[int]) -> bool:
    prompt = prompt_key(row["prompt"])
    known = prompt in seen
    seen.add(prompt)
    return known
