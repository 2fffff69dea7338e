"""The data sheet: Croissant JSON-LD of the data that a model was made from. It names files and fields, no rows."""

import json
import logging
import re
from datetime import datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from flows.lineage.versions import NOT_RECORDED
from flows.pack.bom import TOLD
from flows.pack.subject import Subject
from tasks.data.rows.schema import SPELLINGS

if TYPE_CHECKING:
    from mlcroissant import FileObject, RecordSet

FORMATS = {".csv": "text/csv", ".parquet": "application/x-parquet", ".json": "application/json"}
JSON_LINES = "application/jsonlines"


def croissant(subject: Subject) -> bytes | None:
    """The sheet, checked by the standard's library; None where no report of check_data was kept."""
    import mlcroissant

    if not subject.sources:
        return None
    logging.getLogger("absl").setLevel(logging.ERROR)  # what is recommended and not on record is no news
    data, ids = subject.data_version, _ids([str(one["path"]) for one in subject.sources])
    licences = sorted({str(one["licence"]) for one in subject.sources} - {NOT_RECORDED})
    made = mlcroissant.Metadata(
        name=f"{subject.one.name}-{subject.one.version}-data", description=_description(subject),
        conforms_to=["http://mlcommons.org/croissant/1.0"], license=licences or None,
        version=f"{data.version}.0.0" if data else None,
        date_published=datetime.fromisoformat(data.time if data else subject.started.time),
        distribution=[_file(one, ids[str(one["path"])]) for one in subject.sources],
        record_sets=[_records(one, ids[str(one["path"])]) for one in subject.sources if one["kind"] in SPELLINGS])
    said = made.to_json()
    said["@context"].pop("@base", None)  # the library's own stand-in
    mlcroissant.Dataset(jsonld=said)  # reads it as anybody else would; raises where it is not valid
    return (json.dumps(said, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


def _description(subject: Subject) -> str:
    data = subject.data_version
    named = f"data version {data.version} ({data.data})" if data else "data without a version on record"
    rows = sum(int(one["rows_accepted"]) for one in subject.sources)
    return (f"What {subject.one} was trained and measured on: {named}, {rows} accepted rows in "
            f"{len(subject.sources)} files. The text of rows is not in this pack.")


def _file(source: dict[str, Any], name: str) -> "FileObject":
    import mlcroissant

    path = PurePosixPath(str(source["path"]))
    suffix = next((one for one in reversed(path.suffixes) if one not in (".gz", ".zst")), "")
    told = "; ".join(f"{key}: {source.get(key) or NOT_RECORDED}" for key in TOLD)
    return mlcroissant.FileObject(
        id=name, name=path.name, content_url=str(path), sha256=source["sha256"],
        encoding_formats=[FORMATS.get(suffix, JSON_LINES)],
        description=f"{source['rows_accepted']} rows accepted, {source['rows_rejected']} refused. {told}")


def _records(source: dict[str, Any], name: str) -> "RecordSet":
    """The rows' texts by name; the columns are those of the file."""
    import mlcroissant

    columns = source.get("columns") or {}
    fields = [mlcroissant.Field(
        id=f"{name}-rows/{ours}", name=ours, data_types=mlcroissant.DataType.TEXT,
        source=mlcroissant.Source(file_object=name, extract=mlcroissant.Extract(column=columns.get(ours, ours))))
        for ours in SPELLINGS[source["kind"]][0]]
    return mlcroissant.RecordSet(id=f"{name}-rows", name=f"{name}-rows", fields=fields,
                                 description=f"rows of the kind {source['kind']}, split {source['split']}")


def _ids(paths: list[str]) -> dict[str, str]:
    """A name for each file that Croissant takes: letters, digits and dashes, no two alike."""
    found: dict[str, str] = {}
    for path in paths:
        name = re.sub(r"[^A-Za-z0-9]+", "-", path).strip("-")
        found[path] = name if name not in found.values() else f"{name}-{len(found)}"
    return found
