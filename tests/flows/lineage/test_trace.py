"""The tree of a version and the difference of two: through the real registration, promotion and commands."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from flows.cli import main as cli
from flows.lineage.graph import Graph, Node
from flows.lineage.picture import BOX_HEIGHT, layers, page, place
from flows.promotion.by_hand import promote_version
from flows.run import Run
from tests.flows.hands import desk, proves, started_by
from tests.flows.rows_on_record import recorded, row

USES = {"sft_train": ["demo"], "preferences_train": ["pair"], "prompts_train": ["demo"], "prompts_test": ["test"]}
LOCK = """\
schema: '2.0'
stages:
  prepare_data: {deps: [{path: data, md5: d1.dir}, {path: tasks/x.py, md5: c}], outs: [{path: build/prepared, md5: p1}]}
  train_sft: {deps: [{path: build/prepared, md5: p1}], outs: [{path: build/sft, md5: s1}]}
  train_policy: {deps: [{path: build/sft, md5: s1}, {path: build/prepared, md5: p1}], outs: [{path: build/policy}]}
"""


def hallmark(capsys, *words: str, code: int = 0) -> dict:
    capsys.readouterr()
    assert cli.run((*words, "--json")) == code, capsys.readouterr()
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def run(workspace: Path) -> Run:
    settings = workspace / "params.yaml"
    settings.write_text(settings.read_text().replace("approvals: 1", "approvals: 0").replace(
        "{path: data/text.jsonl.gz, kind: text,", "{path: data/text.jsonl.gz, licence: CC0-1.0, kind: text,"))
    return started_by("carol", workspace)


def report(run: Run) -> None:
    (run.root / "build/checked").mkdir(parents=True)
    sources = [{"path": f"data/{name}", "sha256": digest * 64, "split": "train", "kind": "text", "rows_accepted": 5,
                "rows_rejected": []} for name, digest in (("text.jsonl.gz", "1"), ("other.jsonl", "2"))]
    (run.root / "build/checked/report.json").write_text(json.dumps({"sources": sources}))


def with_lock(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have registration find the dvc.lock of a run of three stages."""
    from flows.lineage import keeping

    keep = keeping.keep

    def laid(one: Run) -> keeping.Kept:
        (one.root / "dvc.lock").write_text(LOCK)
        return keep(one)

    monkeypatch.setattr("flows.promotion.registration.keep", laid)
    run.record("stages finished", stages=[{"name": name, "state": "ran", "lock": f"{name} lock", "run_id": "m1"}
                                          for name in ("prepare_data", "train_sft", "train_policy")])


@pytest.fixture
def traced(run: Run, capsys, monkeypatch) -> dict:
    report(run)
    with_lock(run, monkeypatch)
    promote_version(desk(run.root), recorded(run, "one", USES).version, proves)
    return hallmark(capsys, "audit", "trace", "1", "--html", "out/tree.html")


def by_id(said: dict) -> dict[str, dict]:
    return {node["id"]: node for node in said["nodes"]}


def test_the_tree_goes_from_the_version_to_the_rows_and_the_data(traced: dict) -> None:
    edges = {(edge["from"], edge["to"]) for edge in traced["edges"]}
    for way in (["version policy version 1", "bundle", "model policy", "stage train_policy", "stage train_sft",
                 "stage prepare_data", "data data/text.jsonl.gz"], ["stage train_sft", "rows sft_train"],
                ["stage train_policy", "rows prompts_train"], ["version policy version 1", "gate", "finding 0"]):
        for pair in zip(way, way[1:], strict=False):
            assert pair in edges
    assert ("stage prepare_data", "data tasks/x.py") not in edges  # code is named by the commit


def test_each_node_has_its_digest_and_the_entry_that_says_so(traced: dict, run: Run) -> None:
    nodes, entries = by_id(traced), run.ledger.entries()
    for node in nodes.values():
        assert node["entry"] is None or 0 <= node["entry"] < len(entries)
    assert entries[nodes["bundle"]["entry"]].kind == "registered"
    assert entries[nodes["gate"]["entry"]].kind == "gate decided"
    assert entries[nodes[f"run {run.id}"]["entry"]].kind == "run started"
    assert nodes["commit"]["digest"] == run.digests.commit
    assert nodes["settings"]["facts"]["file"] == "params.yaml, kept"
    assert nodes["rows sft_train"]["facts"]["rows"] == "1"
    assert [one["label"] for one in nodes.values() if one["kind"] == "approval"] == ["promoted"]


def test_licence_and_consent_are_told_where_they_were_recorded(traced: dict) -> None:
    nodes = by_id(traced)
    assert nodes["data data/text.jsonl.gz"]["facts"]["licence"] == "CC0-1.0"
    assert nodes["data data/text.jsonl.gz"]["facts"]["consent"] == "not recorded"
    assert nodes["data data/other.jsonl"]["facts"]["licence"] == "not recorded"


def test_the_page_is_whole_in_itself_and_shows_every_node(traced: dict, run: Run) -> None:
    text = (run.root / "out/tree.html").read_text()
    assert "<script" not in text
    assert re.findall(r'(?:src|href)="[^"]*"|url\(', text) == []
    assert text.count("<rect ") == len(traced["nodes"])
    assert text.count("<path ") == len(traced["edges"])
    HTMLParser().feed(text)
    assert traced["nodes"][0]["digest"] in text


def test_what_was_not_kept_is_said_to_be_not_recorded(run: Run, capsys) -> None:
    recorded(run, "one", USES)
    for path in (run.home / "files").iterdir():
        path.write_text("changed")
    said = by_id(hallmark(capsys, "audit", "trace", "1"))
    assert said["model base"]["digest"] == "not recorded"
    assert said["settings"]["facts"]["file"] == "not kept"
    assert said["rows sft_train"]["digest"] != "not recorded"  # no dvc.lock gave it a stage; it hangs below the bundle
    assert not any(node["kind"] == "data" for node in said.values())


def test_a_changed_bundle_is_shown_as_such(run: Run, capsys) -> None:
    recorded(run, "one", USES)
    bundle = next((run.home / "bundles").glob("*.json"))
    bundle.write_text(bundle.read_text() + " ")
    said = by_id(hallmark(capsys, "audit", "trace", "1"))
    assert "was changed" in said["bundle"]["facts"]["signature"]
    assert said["model sft"]["digest"] == "not recorded"


def test_an_unknown_version_has_no_tree(run: Run, capsys) -> None:
    assert "knows no version 7" in hallmark(capsys, "audit", "trace", "7", code=2)["error"]
    assert "knows no version 7" in hallmark(capsys, "audit", "diff", "7", "8", code=2)["error"]


def test_the_terminal_shows_the_same_tree(traced: dict, capsys) -> None:
    capsys.readouterr()
    assert cli.run(["audit", "trace", "1"]) == 0
    text = capsys.readouterr().out
    assert "policy version 1" in text
    assert "    model policy version 1" in text
    assert "licence: CC0-1.0" in text


def test_no_two_boxes_lie_on_one_another_and_what_rests_on_a_node_lies_left_of_it() -> None:
    graph = Graph(Node("a", "version", "a"))
    for number in range(7):
        child = graph.add(graph.root, Node(f"b{number}", "model", "<b>&" * 20))
        for other in range(number):
            graph.add(child, Node(f"c{other}", "rows", "c"))
    graph.add(graph.node("c0"), graph.node("c1"))
    boxes = place(graph)
    depths = layers(graph)
    assert (depths["a"], depths["b3"], depths["c0"], depths["c1"]) == (0, 1, 2, 3)
    for above, below, _ in graph.edges:
        assert boxes[above].left < boxes[below].left
    for depth in range(4):
        tops = sorted(boxes[name].top for name, found in depths.items() if found == depth)
        assert all(low + BOX_HEIGHT < high for low, high in zip(tops, tops[1:], strict=False))
    assert "<b>" not in page(graph)


def test_a_diff_names_rows_settings_metrics_and_findings_that_changed(run: Run, capsys) -> None:
    recorded(run, "one", USES)
    settings = run.root / "params.yaml"
    updates = run.params.ppo.updates
    settings.write_text(settings.read_text().replace(f"updates: {updates}", f"updates: {updates + 1}"))
    recorded(run, "two", USES | {"preferences_train": ["new"]}, low=0.1)
    said = hallmark(capsys, "audit", "diff", "1", "2", "--rows")
    rows = {one["use"]: (one["in"], one["out"], one["in_ids"], one["out_ids"]) for one in said["rows"]}
    assert rows == {use: (1, 1, [row("new")], [row("pair")]) for use in ("prepare_data", "preferences_train")}
    assert said["params"] == [{"key": "ppo.updates", "old": str(updates), "new": str(updates + 1)}]
    assert [one["key"] for one in said["metrics"]] == ["judge_score"]
    assert said["gates"][0]["old"] != said["gates"][0]["new"]
    assert said["code"]["files"] == []
    assert "in_ids" not in hallmark(capsys, "audit", "diff", "1", "2")["rows"][0]
    assert cli.run(["audit", "diff", "1", "2"]) == 0
    assert f"ppo.updates: {updates} -> {updates + 1}" in capsys.readouterr().out


def test_a_version_does_not_differ_from_itself(run: Run, capsys) -> None:
    recorded(run, "one", USES)
    said = hallmark(capsys, "audit", "diff", "1", "1")
    assert [said[what] for what in ("rows", "params", "metrics", "gates")] == [[], [], [], []]
    assert said["packages"] == "not recorded"  # the toy workspace has no file of pins
