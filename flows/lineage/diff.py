"""How two versions differ: rows, settings, code, packages, metrics, gate; what was not recorded is said to be so."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from flows.lineage.people import decision_of
from flows.lineage.reading import kept_text
from flows.lineage.versions import NOT_RECORDED, Registration, Told, registration
from tasks.contracts.canonical import canonical_json
from tasks.contracts.places import CONSTRAINTS, PARAMS
from tasks.contracts.yaml_text import read_yaml
from tasks.records.bundle import read_own_bundle
from tasks.records.git import git
from tasks.records.manifest_store import ManifestStore
from tasks.records.stage_run import flatten

Changes = list[dict[str, Any]] | str  # or why they are not known


def diff(
    root: Path, home: Path, entries: Sequence[Told], store: ManifestStore, name: str, a: int, b: int
) -> dict[str, Any]:
    """All differences from version A to version B.

    Raises:
        UnknownVersion: the ledger does not know one of them.
        DigestMismatch: a manifest or a bundle is not what was recorded.
    """
    both = registration(entries, name, a), registration(entries, name, b)
    bundles = [read_own_bundle(home, one.bundle) for one in both]
    started = [next((entry.payload for entry in entries if entry.kind == "run started"
                     and entry.payload["run"] == one.run), {}) for one in both]
    params, packages = ([kept_text(home, one.files.get(path.as_posix())) for one in both]
                        for path in (PARAMS, CONSTRAINTS))
    return {
        "a": {"name": name, "version": a, "digest": both[0].digest}, "b": {"name": name, "version": b,
                                                                            "digest": both[1].digest},
        "rows": rows_changed(store, *both), "params": changed(*map(settings, params)),
        "code": code_changed(root, *started), "packages": changed(*map(pins, packages)),
        "metrics": changed(*map(metrics, bundles)),
        "gates": changed(*(findings(decision_of(entries, one)) for one in both))}


def rows_changed(store: ManifestStore, a: Registration, b: Registration) -> list[dict[str, Any]]:
    """For each use: rows that came in and went out, or that one of the two has no such use on record."""
    found = []
    for use in dict.fromkeys([*a.manifests, *b.manifests]):
        roots = [one.manifests[use]["root"] if use in one.manifests else None for one in (a, b)]
        if roots[0] == roots[1]:
            continue
        before, now = (set(store.checked(one)) if one else set() for one in roots)
        came, went = (sorted(row.hex() for row in rows) for rows in (now - before, before - now))
        found.append({"use": use, "in": len(came), "out": len(went), "in_ids": came, "out_ids": went,
                      "roots": [one or NOT_RECORDED for one in roots]})
    return found


def changed(a: Mapping[str, Any] | None, b: Mapping[str, Any] | None) -> Changes:
    """Each key whose value differs, with the old and the new one; null where there is none."""
    if a is None or b is None:
        return NOT_RECORDED
    return [{"key": key, "old": a.get(key), "new": b.get(key)} for key in sorted(a.keys() | b.keys())
            if a.get(key) != b.get(key)]


def settings(text: str | None) -> dict[str, str] | None:
    said = read_yaml(text) if text is not None else None
    return flatten(said) if isinstance(said, dict) else None


def pins(text: str | None) -> dict[str, str] | None:
    """Package -> version, of a file of constraints."""
    return None if text is None else dict(re.findall(r"^([\w.\-\[\],]+)==(\S+)", text, re.MULTILINE))


def metrics(bundle: Mapping[str, Any]) -> dict[str, Any]:
    """Metric -> value and interval."""
    return {one["name"]: {key: one[key] for key in ("value", "low", "high", "samples")}
            for one in bundle["evidence"]["metrics"]}


def findings(decided: Told | None) -> dict[str, Any] | None:
    """Rule -> what the gate found."""
    if decided is None:
        return None
    return {"verdict": decided.payload["verdict"], **{
        f"{one['metric']} {one['wanted']}": {"passed": one["passed"], "reason": one["reason"]}
        for one in decided.payload["decision"]["findings"]}}


def code_changed(root: Path, a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, Any]:
    """The commits, uncommitted changes, and which files differ between the commits, where git knows both."""
    if not a or not b:
        return {"commits": NOT_RECORDED, "files": NOT_RECORDED}
    commits = [a["commit"], b["commit"]]
    asked = git(root, "diff", "--numstat", "--no-renames", *commits, "--")
    lines = [line.split("\t") for line in asked.stdout.decode(errors="replace").splitlines()]
    return {"commits": commits, "uncommitted": [a["diff_sha256"], b["diff_sha256"]],
            "hardware": [a["hardware"], b["hardware"]],
            "files": NOT_RECORDED if asked.returncode else [
                {"path": path, "added": added, "removed": removed} for added, removed, path in lines]}


def sentences(found: Mapping[str, Any]) -> Iterator[str]:
    """The differences as lines of text."""
    yield "{name} version {version}: ".format(**found["a"]) + found["a"]["digest"]
    yield "{name} version {version}: ".format(**found["b"]) + found["b"]["digest"]
    for one in found["rows"]:
        yield f"rows      {one['use']}: {one['in']:,} in, {one['out']:,} out"
        yield from (f"            + {row}" for row in one.get("in_ids", []))
        yield from (f"            - {row}" for row in one.get("out_ids", []))
    code = found["code"]
    if code["commits"] == NOT_RECORDED or code["commits"][0] != code["commits"][1]:
        yield f"code      {_pair(code['commits'])}"
    if isinstance(code["files"], list):
        yield from (f"code      {one['path']} +{one['added']} -{one['removed']}" for one in code["files"])
    if "uncommitted" in code and code["uncommitted"][0] != code["uncommitted"][1]:
        yield f"code      uncommitted changes: {_pair(code['uncommitted'])}"
    for what in ("params", "packages", "metrics", "gates"):
        yield from ([f"{what:<9} {NOT_RECORDED}"] if found[what] == NOT_RECORDED else
                    [f"{what:<9} {one['key']}: {_said(one['old'])} -> {_said(one['new'])}" for one in found[what]])
    if len({one["digest"] for one in (found["a"], found["b"])}) == 1:
        yield "The two have the same bytes."


def _pair(values: Any) -> str:
    return values if isinstance(values, str) else " -> ".join(str(value or "none") for value in values)


def _said(value: Any) -> str:
    if isinstance(value, Mapping) and "low" in value:
        return f"{value['value']:.4g} [{value['low']:.4g}, {value['high']:.4g}]"
    if isinstance(value, Mapping) and "passed" in value:
        return "passed" if value["passed"] else f"failed ({value['reason']})"
    return value if isinstance(value, str) else "none" if value is None else canonical_json(value).decode()
