"""One block of rows, looked at without the others: which are refused, and what is known of the other rows.

This is what processes do side by side. It holds no state, so that a block gives the same whoever looks at it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tasks.contracts.data_config import Kind, Split
from tasks.data.checks.block_rows import BlockRows, Looked, note_names
from tasks.data.checks.policies import Policies, abide
from tasks.data.reading.blocks import Block
from tasks.data.rows.refusals import RowRefused
from tasks.data.rows.schema import canonical_row


@dataclass(frozen=True)
class Asked:
    """What to look for.

    Args:
        columns: our field name -> the file's.
        texts: folder to write the checked rows to, one file a block; null: they are not written.
        split: of the source, which each checked row names.
        policies: what becomes of rows with personal data.
        good_from: of labels, the least number that is good.
    """

    kind: Kind
    columns: Mapping[str, str]
    characters_at_most: int
    texts: Path | None = None
    split: Split = "auto"
    policies: Policies = field(default_factory=Policies)
    good_from: float | None = None


def look(block: Block, asked: Asked) -> Looked:
    """Read one block, refuse what is refused for itself, and say what is known of the other rows."""
    found = BlockRows()
    for raw in found.rows_of(block):
        try:
            if raw.value is None:
                raise RowRefused(raw.fault)
            row, signs, unknown = canonical_row(
                asked.kind, raw.value, asked.columns, asked.characters_at_most, asked.good_from)
            row, held = abide(row, asked.policies, asked.characters_at_most)
        except RowRefused as refusal:
            found.refused.append((raw.line, str(refusal)))
            continue
        note_names(found.unknown, unknown)
        found.lines.append(raw.line)
        found.take(row, (*signs, *held), asked.split if asked.texts else None)
    if asked.texts:
        keep(asked.texts, block.number, found.texts, found.annotators)
    return found.looked()


def keep(folder: Path, number: int, texts: Sequence[bytes], annotators: Sequence[str | None]) -> None:
    """Write the checked rows of a block, and who labelled them, for the time being; packed, since disks are slow."""
    import zstandard

    packed = zstandard.ZstdCompressor(level=1).compress(b"".join(texts))
    _file(folder, number, "rows").write_bytes(packed)
    _file(folder, number, "annotators").write_text(json.dumps(annotators))


def take(folder: Path, number: int) -> tuple[bytes, list[str | None]]:
    """The rows of a block as one, and who labelled each, as `keep` wrote them; the files are removed."""
    import zstandard

    rows, annotators = _file(folder, number, "rows"), _file(folder, number, "annotators")
    taken = zstandard.ZstdDecompressor().decompress(rows.read_bytes()), json.loads(annotators.read_bytes())
    rows.unlink()
    annotators.unlink()
    return taken


def looking(asked: Asked) -> "partial[Looked]":
    """`look` for what is asked, in a form that another process can be given."""
    return partial(look, asked=asked)


def _file(folder: Path, number: int, what: str) -> Path:
    return folder / f"{number:06d}.{what}"
