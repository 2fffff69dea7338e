"""Where a row of a registered version came from: file, line and annotator, as check_data wrote them down."""

import json
from dataclasses import dataclass
from pathlib import Path

from flows.lineage.keeping import kept_file
from flows.lineage.reading import kept_text
from flows.lineage.versions import Registration
from tasks.contracts.canonical import file_sha256
from tasks.contracts.places import CHECKED
from tasks.data.origins import ORIGINS


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
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    wanted = pa.scalar(row, pa.binary(32))
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            place = pc.index(file.read_row_group(group, ["id"])["id"], wanted).as_py()
            if place >= 0:
                told = file.read_row_group(group, ["source", "line", "annotator"]).slice(place, 1).to_pylist()[0]
                return told["source"], told["line"], told["annotator"]
    return None
