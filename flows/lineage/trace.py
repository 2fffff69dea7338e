"""The whole tree of a version, from its registration down to the rows, as the ledger and what was kept say it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.dvc_lock import read_locks
from flows.lineage.graph import Graph, Node
from flows.lineage.people import add_decision, add_people
from flows.lineage.reading import kept_text
from flows.lineage.stages import add_stages, rows_node
from flows.lineage.versions import NOT_RECORDED, Names, Registration, Told, registration, registrations
from tasks.contracts.errors import DigestMismatch
from tasks.contracts.places import BASE, CHECKED, CONSTRAINTS, DVC_LOCK, EVIDENCE, PARAMS, POLICY, REWARD, SFT
from tasks.contracts.yaml_text import read_yaml
from tasks.records.bundle import read_own_bundle
from tasks.records.uses import PROMPTS


@dataclass(frozen=True)
class Traced:
    """What a trace is drawn from."""

    home: Path
    entries: Sequence[Told]
    names: Names
    one: Registration

    def of_run(self, kind: str) -> Told | None:
        """The last entry of a kind that the run of this version wrote."""
        found = [entry for entry in self.entries if entry.kind == kind and entry.payload.get("run") == self.one.run]
        return found[-1] if found else None

    def kept(self, path: Path) -> str | None:
        """A small file of the run; None where it was not kept."""
        return kept_text(self.home, self.one.files.get(path.as_posix()))


def trace(home: Path, entries: Sequence[Told], names: Names, name: str, version: int) -> Graph:
    """The tree of a version. What was not recorded is in it, and says so.

    Raises:
        UnknownVersion: the ledger knows no such version.
    """
    one = registration(entries, name, version)
    traced = Traced(home, entries, names, one)
    graph = Graph(Node(f"version {one}", "version", str(one), one.digest, one.entry,
                       {"registered": one.time, "gate": one.verdict or NOT_RECORDED}))
    locks, sources = read_locks(traced.kept(DVC_LOCK)), sources_of(traced)
    for model, folder in add_models(graph, traced, add_bundle(graph, traced)):
        add_stages(graph, traced, locks, model, folder, sources)
    gate = add_decision(graph, entries, one)
    add_stages(graph, traced, locks, gate, EVIDENCE.as_posix(), sources)
    add_the_rest(graph, traced)
    add_people(graph, entries, one)
    add_run(graph, traced)
    return graph


def add_bundle(graph: Graph, traced: Traced) -> dict[str, Any]:
    """Hang the evidence bundle below the version and return what it says; empty where it cannot be read."""
    one = traced.one
    try:
        said = read_own_bundle(traced.home, one.bundle)
        facts = {"signature": "holds"}
    except DigestMismatch as error:
        said, facts = {}, {"signature": error.message()}
    graph.add(graph.root, Node("bundle", "bundle", "evidence bundle", one.bundle, one.entry, facts))
    return dict(said)


def add_models(graph: Graph, traced: Traced, bundle: Mapping[str, Any]) -> list[tuple[Node, str]]:
    """Hang the models of the bundle below it, and return each with the folder that it was made in."""
    names, one = traced.names, traced.one
    folders = {names.policy: POLICY, names.reward_model: REWARD, "sft": SFT, "base": BASE}
    beside = {other.name: other for other in registrations(traced.entries) if other.bundle == one.bundle}
    made = []
    for name, folder in folders.items():
        digest = bundle.get("models", {}).get(name)
        node = Node(f"model {name}", "model", str(beside[name]) if name in beside else f"{name} model", digest,
                    beside[name].entry if name in beside else one.entry if digest else None)
        made.append((graph.add(graph.node("bundle"), node), folder.as_posix()))
    return made


def add_the_rest(graph: Graph, traced: Traced) -> None:
    """Hang below the bundle what no dvc.lock gave a stage: the row manifests, and below the run its stages."""
    told = {node.id for node in graph.nodes}
    for use in traced.one.manifests:
        if not use.endswith(PROMPTS) and f"rows {use}" not in told:
            graph.add(graph.node("bundle"), rows_node(traced.one, use))
    if not traced.one.manifests:
        graph.add(graph.node("bundle"), Node("rows", "rows", "row manifests", facts={"rows": NOT_RECORDED}))


def add_run(graph: Graph, traced: Traced) -> None:
    """Hang the run below the version: commit, uncommitted changes, settings, packages, hardware."""
    started = traced.of_run("run started")
    said: Mapping[str, Any] = started.payload if started else {}
    entry = started.index if started else None
    run = graph.add(graph.root, Node(f"run {traced.one.run}", "run", traced.one.run, started.hash if started else None,
                                     entry, {"by": started.actor if started else NOT_RECORDED,
                                             "hardware": said.get("hardware", NOT_RECORDED)}))
    graph.add(run, Node("commit", "commit", "commit", said.get("commit"), entry,
                        {"working tree": "dirty" if said.get("dirty") else "clean"} if said else {}))
    if said.get("dirty"):
        kept = traced.home / "diffs" / f"{said['diff_sha256']}.patch"
        graph.add(run, Node("diff", "diff", "uncommitted changes", said["diff_sha256"], entry,
                            {"patch": "kept in diffs/" if kept.is_file() else "not kept"}))
    for key, label, path in (("params_sha256", "settings", PARAMS), ("constraints_sha256", "packages", CONSTRAINTS),
                             ("dvc_lock_sha256", "dvc.lock before the run", None)):
        kept_as = traced.one.files.get(path.as_posix()) if path else None
        same = kept_as == said.get(key) and kept_text(traced.home, kept_as) is not None
        graph.add(run, Node(label, "settings" if path == PARAMS else "file", label, said.get(key), entry,
                            {"file": f"{path}, kept" if same else "not kept"} if path else {}))


def sources_of(traced: Traced) -> list[dict[str, Any]]:
    """The data files that check_data read, with licence and consent where params.yaml had them."""
    report, params = traced.kept(CHECKED / "report.json"), traced.kept(PARAMS)
    settings = read_yaml(params) if params else None
    said = (settings or {}).get("data", {}).get("sources", [])
    about = {one.get("path"): one for one in said if isinstance(one, dict)}
    return [{key: one.get(key) for key in ("path", "sha256", "split", "kind", "rows_accepted")}
            | {"rows_rejected": len(one.get("rows_rejected", ()))}
            | {key: about.get(one.get("path"), {}).get(key) or NOT_RECORDED for key in ("licence", "consent")}
            for one in (json.loads(report).get("sources", []) if report else [])]
