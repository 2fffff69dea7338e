"""Where a row of a registered version came from: file, line and annotator, as check_data wrote them down."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flows.lineage.keeping import kept_file
from flows.lineage.reading import kept_text
from flows.lineage.versions import Registration
from tasks.contracts.canonical import file_sha256
from tasks.contracts.places import CHECKED
from tasks.data.origins import ORIGINS

if TYPE_CHECKING:
    from pyarrow import FixedSizeBinaryArray


@dataclass(frozen=True, slots=True)
class Origin:
    """The place of a row in the files that a version was made from."""

    source: str  # path of the file, as params.yaml had it
    sha256: str  # of the file's bytes then
    line: int  # from 1; for CSV and Parquet the row, header not counted
    annotator: str | None  # null where the file names none


def origin(home: Path, registration: Registration, row: str) -> Origin | None:
    """The origin of a row, by its id.

    None where the version never read it, or where the origins were not kept or are not the bytes that the ledger names.
    """
    path = _origins(home, registration)
    report = kept_text(home, registration.files.get((CHECKED / "report.json").as_posix()))
    found = _find(path, bytes.fromhex(row)) if path is not None and report is not None else None
    if found is None or report is None:
        return None
    number, line, annotator = found
    source = json.loads(report)["sources"][number]
    return Origin(source["path"], source["sha256"], line, annotator)


def _origins(home: Path, registration: Registration) -> Path | None:
    digest = registration.files.get((CHECKED / ORIGINS).as_posix())
    if digest is None or not kept_file(home, digest).is_file():
        return None
    path = kept_file(home, digest)
    return path if file_sha256(path) == digest else None


def _find(path: Path, row: bytes) -> tuple[int, int, str | None] | None:
    """Source, line and annotator; one row group after the other, so that memory stays bounded."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            place = place_of(file.read_row_group(group, ["id"])["id"].combine_chunks(), row)
            if place is not None:
                told = file.read_row_group(group, ["source", "line", "annotator"]).slice(place, 1).to_pylist()[0]
                return told["source"], told["line"], told["annotator"]
    return None


def place_of(ids: "FixedSizeBinaryArray", row: bytes) -> int | None:
    """Where an id stands in a column of them. By its bytes, since pyarrow's own search loads pandas, half a second."""
    content = ids.buffers()[1].to_pybytes() if len(ids) else b""
    first = ids.offset * len(row)
    found = content.find(row, first)
    while found >= 0 and (found - first) % len(row):  # across the border of two ids
        found = content.find(row, found + 1)
    return (found - first) // len(row) if 0 <= found < first + len(ids) * len(row) else None
