"""A filled sheet comes back, and what it says of a version goes into the ledger; `hallmark gate` shows it."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flows.desk import Desk
from flows.promotion.blind import COLUMNS, COMPARED, EXPORTED, judged, read_sheet, results, row_digest
from flows.promotion.consent import Case
from tasks.contracts.canonical import file_sha256, sha256_hex
from tasks.contracts.errors import DigestMismatch, Misused, Refused

METRIC = "human_win_rate"


def record(desk: Desk, version: int, path: Path, by: str) -> dict[str, Any]:
    """Read a filled sheet, record what it says of the version, and return that.

    Args:
        by: who compared, as a name that nobody checks; it proves nothing and decides nothing.

    Raises:
        Refused: it is not a sheet that was exported for this version, too little is filled in, or this person's
            comparison of it is recorded already.
    """
    from tasks.gates.measures import Measures

    if not by.strip():
        raise Misused("who compared must have a name", wanted="--by NAME")
    case, rows, sheet = desk.case(version), read_sheet(_text(path), str(path)), file_sha256(path)
    comparison, key = _exported(desk, case, rows)
    for said in results(desk.ledger.entries(), case.name, case.digest):
        if (said["comparison"], said["by"]) == (comparison, by):
            raise Refused("has compared this sheet already", where=by, next_step="Export another one.")
    found = judged(rows, key["rows"], str(path))
    if len({one.prompt for one in found}) < 2:
        raise Refused("too few rows are filled in to say anything", where=str(path), wanted="two or more prompts",
                      found=str(len(found)))
    metric = Measures(sheet, desk.params.evaluate, desk.params.seed).rate(
        METRIC, [one.points for one in found], [one.prompt for one in found])
    counts = Counter(one.points for one in found)
    entry = desk.record(
        COMPARED, name=case.name, version=version, digest=case.digest, comparison=comparison, sheet=sheet, by=by,
        against=key["against"], wins=counts[1.0], ties=counts[0.5], losses=counts[0.0],
        unanswered=len(rows) - len(found), metric=metric.model_dump(mode="json"))
    return entry.payload


def _exported(desk: Desk, case: Case, rows: Sequence[Mapping[str, str]]) -> tuple[str, dict[str, Any]]:
    """The key of the sheet that these rows are most of, with its digest. What is wrong with a row is said later."""
    found = {row_digest([row[name] for name in COLUMNS[:3]]) for row in rows}
    best: tuple[int, str, dict[str, Any]] = (0, "", {})
    for entry in desk.ledger.entries(EXPORTED):
        if (entry.payload["name"], entry.payload["digest"]) == (case.name, case.digest):
            digest = str(entry.payload["comparison"])
            record = _read(desk.home / "comparisons" / f"{digest}.json", digest)
            best = max(best, (len(found & set(record["rows"])), digest, record), key=lambda one: one[0])
    if not best[0]:
        raise Refused("is no sheet that was exported for this version", where=str(case),
                      next_step=f"`hallmark compare export {case.version} --out FILE` makes one.")
    return best[1], best[2]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise Misused("cannot be read", where=str(path), wanted="a filled sheet", found=error.strerror or "") from None
    except UnicodeDecodeError:
        raise Refused("is no sheet of a comparison", where=str(path), wanted="CSV in UTF-8") from None


def _read(path: Path, digest: str) -> dict[str, Any]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DigestMismatch("the key of a sheet cannot be read", where=str(path), found=str(error)) from None
    if sha256_hex(content) != digest:
        raise DigestMismatch("the key of a sheet was changed", where=str(path), wanted=digest,
                             found=sha256_hex(content))
    return dict(json.loads(content))
