"""What lies in a pack, and where: a table of contents."""

import json
from pathlib import Path
from typing import Any

from flows.lineage.picture import page
from flows.lineage.trace import trace
from flows.pack import annex
from flows.pack.archive import Content
from flows.pack.bom import bill_of_materials
from flows.pack.card import model_card
from flows.pack.consents import allow_list, statements_of_people
from flows.pack.data_sheet import croissant
from flows.pack.events import lineage_events
from flows.pack.record import Extract
from flows.pack.statements import envelope, gate_result, provenance
from flows.pack.subject import Subject
from tasks.contracts.places import CHECKED
from tasks.data.origins import ORIGINS
from tasks.records.manifest_store import ManifestStore
from tasks.records.signatures import Key

FORMAT = "hallmark audit pack 1"
VERIFIER, README = Path(__file__).with_name("verify.py"), Path(__file__).with_name("README.txt")
NAMES_PEOPLE = (CHECKED / ORIGINS).as_posix()  # whose line each row was: goes with the rows' ids, where asked for


def contents(
    subject: Subject, record: Extract, key: Key, *, rows: bool = False, with_model: bool = False
) -> dict[str, Content]:
    """Path in the pack -> bytes, or the file that holds them."""
    table = annex.rows(subject)
    found: dict[str, Content] = {
        "README.txt": README.read_bytes(), "verify.py": VERIFIER.read_bytes(), "pack.json": _about(subject, record),
        "ledger/head.json": record.head_json(), "ledger/entries.jsonl": record.entries_jsonl(),
        "keys/ledger.pub": (subject.home / "keys" / "ledger.pub").read_bytes(), "keys/chain.json": _keys(subject),
        "evidence/bundle.json": subject.bundle_files[0], "evidence/bundle.sig": subject.bundle_files[1],
        "approvals/approvers.yaml": allow_list(subject)[1], "approvals/approvals.json": statements_of_people(subject),
        "attestations/provenance.intoto.json": envelope(key, provenance(subject)),
        "attestations/test-result.intoto.json": envelope(key, gate_result(subject)),
        "bom/model.cdx.json": bill_of_materials(subject), "model-card.md": model_card(subject),
        "annex-iv.csv": annex.as_csv(table), "annex-iv.html": annex.as_html(subject, table),
        "lineage/openlineage.jsonl": lineage_events(subject),
        "model/files.json": _json([one.as_json() for one in subject.files]),
        "rows/roots.json": _json({use: dict(said) for use, said in subject.one.manifests.items()})}
    found |= _trace(subject) | _run(subject, rows) | _optional({"data/croissant.json": croissant(subject)})
    if rows:
        found |= _rows(subject)
    if with_model:
        found |= {f"model/files/{one.path}": one.place for one in subject.files}
    return found


def _about(subject: Subject, record: Extract) -> bytes:
    one = subject.one
    return _json({
        "format": FORMAT, "name": one.name, "version": one.version, "digest": one.digest, "bundle": one.bundle,
        "run": one.run, "entry": one.entry, "registered": one.time, "ledger_entries": record.head.size,
        "approvers_commit": allow_list(subject)[0]})


def _keys(subject: Subject) -> bytes:
    """The first key, and each handing over to a new one."""
    return _json({"first": subject.first_key, "handovers": [
        {"entry": entry.index, "time": entry.time, "key": entry.payload["key"]} for entry in subject.told
        if entry.kind == "key rotated"]})


def _trace(subject: Subject) -> dict[str, Content]:
    graph = trace(subject.home, subject.told, subject.names, subject.one.name, subject.one.version)
    return {"lineage/trace.json": _json(graph.as_json()), "lineage/trace.html": page(graph).encode()}


def _run(subject: Subject, rows: bool) -> dict[str, Content]:
    """Small files that the run was made with."""
    kept = {f"run/{Path(path).name}": subject.kept(Path(path)) for path in subject.one.files
            if rows or path != NAMES_PEOPLE}
    return _optional(kept | {"run/uncommitted.patch": subject.patch, "run/packages.txt": subject.packages,
                             "data/sheet.json": subject.data_sheet})


def _rows(subject: Subject) -> dict[str, Content]:
    """The ids of the rows, use by use, each held against its root."""
    store = ManifestStore(subject.home)
    return {f"rows/{use}": b"".join(store.checked(said["root"])) for use, said in subject.one.manifests.items()}


def _optional(files: dict[str, bytes | None]) -> dict[str, Content]:
    return {name: content for name, content in files.items() if content is not None}


def _json(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()
