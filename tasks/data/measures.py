"""What can be said of checked rows without their text: lengths, hashes and yes or no, as Parquet tables.

Great Expectations looks at these and never at the rows, so that nothing it reports can hold a text.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.contracts.canonical import row_id
from tasks.contracts.data_config import Kind
from tasks.data.batches import read_rows_in_batches
from tasks.data.normal_text import key, normal, same_prompt
from tasks.data.schema import META, TEXTS

if TYPE_CHECKING:
    import pyarrow as pa

PROMPTS = "prompts_by_side"  # the table with one row a prompt
BATCH_ROWS = 5000
_OWN_FIELDS = {"id", "split", "source_id"}

Measured = dict[str, str | int | bool | None]


def measure(checked: Mapping[Kind, Path], folder: Path) -> dict[str, Path]:
    """Read checked rows back and write one table a kind, and one of all prompts; return table name -> file."""
    folder.mkdir(parents=True, exist_ok=True)
    sides: dict[str, int] = {}
    tables: dict[str, Path] = {}
    for kind, path in checked.items():
        tables[kind] = folder / f"{kind}.parquet"
        _write(tables[kind], _schema(kind), _measured(kind, path, sides))
    if sides:
        tables[PROMPTS] = folder / f"{PROMPTS}.parquet"
        _write(tables[PROMPTS], _prompt_schema(), iter([[
            {"prompt_key": prompt, "in_training": bool(side & 1), "in_held_out": bool(side & 2)}
            for prompt, side in sides.items()]]))
    return tables


def row_of(checked: Mapping[str, object]) -> dict[str, object]:
    """The canonical row that a checked row was made of: what its id is the digest of."""
    row = {name: value for name, value in checked.items() if name not in _OWN_FIELDS}
    return row | ({"id": checked["source_id"]} if "source_id" in checked else {})


def _measured(kind: Kind, path: Path, sides: dict[str, int]) -> Iterator[list[Measured]]:
    line = 0
    for rows in read_rows_in_batches(path, BATCH_ROWS):
        batch = []
        for row in rows:
            line += 1
            batch.append(_measure_row(kind, line, row))
            if "prompt" in row:
                prompt = _hex(same_prompt(str(row["prompt"])))
                sides[prompt] = sides.get(prompt, 0) | (2 if row["split"] == "test" else 1)
        yield batch


def _measure_row(kind: Kind, line: int, row: Mapping[str, object]) -> Measured:
    measured: Measured = {
        "line": line, "id": str(row.get("id")), "split": str(row.get("split")),
        "id_is_the_digest_of_the_row": row_id(row_of(row)) == row.get("id"),
        "unknown_fields": len(row.keys() - {*TEXTS[kind], *META, *_OWN_FIELDS})}
    for name in TEXTS[kind]:
        text = row.get(name)
        measured[f"{name}_is_text"] = isinstance(text, str)
        measured[f"{name}_characters"] = len(text.strip()) if isinstance(text, str) else None
        if name != "text":
            measured[f"{name}_key"] = _hex(normal(str(row.get(name))))
    return measured


def _hex(text: str) -> str:
    return f"{key(text):016x}"


def _schema(kind: Kind) -> "pa.Schema":
    import pyarrow as pa

    columns = [("line", pa.int64()), ("id", pa.string()), ("split", pa.string()),
               ("id_is_the_digest_of_the_row", pa.bool_()), ("unknown_fields", pa.int32())]
    for name in TEXTS[kind]:
        columns += [(f"{name}_is_text", pa.bool_()), (f"{name}_characters", pa.int64())]
        columns += [(f"{name}_key", pa.string())] if name != "text" else []
    return pa.schema(columns)


def _prompt_schema() -> "pa.Schema":
    import pyarrow as pa

    return pa.schema([("prompt_key", pa.string()), ("in_training", pa.bool_()), ("in_held_out", pa.bool_())])


def _write(path: Path, schema: "pa.Schema", batches: Iterator[list[Measured]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetWriter(path, schema) as writer:
        for batch in batches:
            writer.write_batch(pa.RecordBatch.from_pylist(batch, schema))
