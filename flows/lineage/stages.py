"""The stages that made a model, as the run's dvc.lock has them, down to rows and data files."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from flows.dvc_lock import NO_STAGE, Locks, maker, parents, raw_data
from flows.lineage.graph import Graph, Node
from flows.lineage.versions import NOT_RECORDED, Registration
from tasks.contracts.places import PREPARED
from tasks.records.uses import ALL_ROWS, POLICY_MIX, PROMPTS, TOKENIZER

if TYPE_CHECKING:
    from flows.lineage.trace import Traced

READ_BY = {  # use -> the stage that reads it; every other is read by evaluate, or written by prepare_data
    "text_train": "pretrain", TOKENIZER: "prepare_data", "sft_train": "train_sft", "sft_validation": "train_sft",
    "preferences_train": "train_reward", "preferences_validation": "train_reward", "labels_train": "train_reward",
    "labels_validation": "train_reward", "prompts_train": "train_policy", "prompts_validation": "train_policy",
    POLICY_MIX: "train_policy", ALL_ROWS: "prepare_data"}

ABOUT_DATA = ("kind", "split", "rows_accepted", "rows_rejected", "licence", "consent")


def add_stages(
    graph: Graph, traced: "Traced", locks: Locks, model: Node, path: str, sources: Sequence[Mapping[str, Any]]
) -> None:
    """Hang below a model the stage that made it, what that read, and so on."""
    finished = traced.of_run("stages finished")
    ran = {one["name"]: one for one in finished.payload["stages"]} if finished else {}
    entry = finished.index if finished else None

    def hang(above: Node, stage: str) -> None:
        said = ran.get(stage, {})
        known = any(node.id == f"stage {stage}" for node in graph.nodes)
        node = graph.add(above, Node(f"stage {stage}", "stage", stage, said.get("lock"), entry if said else None, {
            "state": said.get("state", NOT_RECORDED), "MLflow run": said.get("run_id") or NOT_RECORDED}))
        if known:
            return
        for parent in parents(locks, stage):
            hang(node, parent)
        _add_rows(graph, traced, locks, node, stage)
        _add_data(graph, traced, locks, node, stage, sources)

    made_by = maker(locks, path)
    if made_by is not None:
        hang(model, made_by)


def rows_node(one: Registration, use: str) -> Node:
    said = one.manifests[use]
    return Node(f"rows {use}", "rows", use, said["root"], one.entry, {"rows": f"{said['rows']:,}"})


def _add_rows(graph: Graph, traced: "Traced", locks: Locks, node: Node, stage: str) -> None:
    """The row manifests that a stage read; those of stages that this pipeline has not hang below who wrote them."""
    writes_all = PREPARED.as_posix() in locks.get(stage, NO_STAGE).writes
    for use in traced.one.manifests:
        if use.endswith(PROMPTS):
            continue
        reader = READ_BY.get(use, "evaluate")
        if reader == stage or (writes_all and reader not in locks):
            graph.add(node, rows_node(traced.one, use))
    if writes_all and not traced.one.manifests:
        graph.add(node, Node("rows", "rows", "row manifests", facts={"rows": NOT_RECORDED}))


def _add_data(
    graph: Graph, traced: "Traced", locks: Locks, node: Node, stage: str, sources: Sequence[Mapping[str, Any]]
) -> None:
    """The data files that a stage read, each with its licence and consent; the folder where no file is told."""
    for path, md5 in raw_data(locks, stage).items():
        inside = [one for one in sources if str(one["path"]).startswith(f"{path}/") or one["path"] == path]
        for one in inside:
            graph.add(node, Node(f"data {one['path']}", "data", str(one["path"]), one["sha256"], traced.one.entry,
                                 {key: str(one[key]) for key in ABOUT_DATA}))
        if not inside:
            graph.add(node, Node(f"data {path}", "data", path, f"md5 {md5}" if md5 else None, traced.one.entry, {
                "licence": NOT_RECORDED, "consent": NOT_RECORDED}))
