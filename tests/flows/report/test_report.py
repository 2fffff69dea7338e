"""The report: one file that needs nothing, shows what was recorded, and trusts no text."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.report import render, write_report
from flows.report.inputs import Run, read_curves

HOSTILE = "</code><script>alert(1)</script><img src=x onerror='alert(2)'> {{ 7*7 }} $\\frac{1}$"


class Tags(HTMLParser):
    """Collects every tag with its attributes and all text."""

    def __init__(self, page: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.texts).split())


def write(root: Path, path: str, content: object) -> None:
    file = root / "build" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A workspace after a small run."""
    write(tmp_path, "evidence/evidence.json", {"candidate": "ab", "metrics": [{
        "name": "policy_vs_sft_win_rate", "value": 0.8, "low": 0.75, "high": 0.85, "samples": 400,
        "measured_on": "cd"}, *(
        {"name": name, "value": value, "low": value, "high": value, "samples": 40, "measured_on": "cd"}
        for name, value in (("judge_score", 0.75), ("judge_score_sft", 0.5), ("longer_answer_accuracy", 0.55)))]})
    write(tmp_path, "evidence/rounds.csv", "update,reward,kl_nats,judge,chosen\n0,0.5,0,0.25,0\n2,0.625,0.5,0.5,1\n")
    write(tmp_path, "metrics/train_policy.json", {"kept_after_update": 2, "heldout_reward": 0.625})
    write(tmp_path, "evidence/samples.json", [
        {"prompt": "How?", "sft": "Well well.", "policy": "Like this.", "sft_score": 0.25, "policy_score": 0.75}])
    write(tmp_path, "plots/train_policy.csv", "step,reward,kl_nats,heldout_reward\n1,0.5,0.25,\n2,0.75,0.5,0.625\n")
    write(tmp_path, "plots/train_sft.csv", "step,loss\n1,2.5\n2,1.5\n")
    write(tmp_path, "checked/report.json", {"sources": [{
        "path": "data/a.jsonl", "kind": "demonstrations", "sha256": "ef", "verdict": "accept", "rows_read": 9,
        "rows_accepted": 7, "rows_rejected": [{"line": 3, "reason": "empty"}, {"line": 5, "reason": "empty"}],
        "warnings": ["few rows"], "error": None}], "expectations": [
            {"table": "preferences", "expectation": "expect_column_values_to_be_unique", "columns": "id",
             "passed": True, "unexpected_rows": 0},
            {"table": "text", "expectation": "expect_table_row_count_to_be_between", "columns": "", "passed": False,
             "unexpected_rows": 0}]})
    return tmp_path


@pytest.fixture
def run() -> Run:
    return {
        "id": "run-17", "outcome": "refused", "commit": "c0ffee", "seconds": 125.0,
        "started": "2026-11-21T03:00:04+00:00",
        "champion": {"name": "policy", "version": "3", "digest": "d1"},
        "decision": {"candidate": "ab", "verdict": "refuse", "findings": [
            {"metric": "kl_nats", "wanted": "value <= 10", "found": 12.5, "low": 12.0, "high": 13.0, "samples": 400,
             "passed": False, "reason": "too far from the reference"}]},
        "stages": [{"name": "pretrain", "state": "ran", "seconds": 60.0}, {"name": "evaluate", "state": "skipped"}]}


def test_what_was_recorded_is_shown(workspace: Path, run: Run) -> None:
    words = Tags(render(workspace, run)).words

    for wanted in (
            "refused", "run-17", "c0ffee", "2026-11-21 03:00:04 UTC", "2 min 05 s", "policy 3", "80.0 %",
            "75.0 % to 85.0 %", "40 measured, SFT 0.5", "longer answer accuracy 0.55", "value <= 10", "12.5",
            "too far from the reference", "Like this.", "score 0.75", "2 × empty: lines 3, 5", "few rows",
            "1 of 2 expectations hold; broken: text: table row count to be between"):
        assert wanted in words


def test_every_curve_that_was_reported_is_drawn_and_said_in_words(workspace: Path, run: Run) -> None:
    pictures = [attributes for tag, attributes in Tags(render(workspace, run)).tags if tag == "svg"]

    assert [picture["aria-label"] for picture in pictures] == [
        "Reward: training prompts from 0.5 to 0.75, held-out prompts from 0.5 to 0.625; kept after update 2",
        "Judge's score: held-out prompts from 0.25 to 0.5; kept after update 2",
        ("KL to the reference: training prompts from 0.25 to 0.5, held-out prompts from 0 to 0.5; bound 10; "
         "kept after update 2"),
        "train_sft: loss: loss from 2.5 to 1.5"]


def test_nothing_is_loaded_from_anywhere_and_nothing_is_run(workspace: Path, run: Run) -> None:
    page = render(workspace, run)

    for tag, attributes in Tags(page).tags:
        assert tag not in {"script", "iframe", "object", "embed", "link", "base", "form"}
        for name in ("src", "href", "xlink:href", "srcset", "action", "data"):
            assert (attributes.get(name) or "#").startswith("#"), f"<{tag} {name}={attributes[name]}> refers to outside"
    assert "://" not in page
    assert "@import" not in page
    assert all(target.startswith("#") for target in re.findall(r"url\(['\"]?([^)]*)", page))


def test_the_only_link_leads_to_the_data_docs_beside_it(workspace: Path, run: Run) -> None:
    write(workspace, "data_docs/local_site/index.html", "docs")

    links = [attributes["href"] for tag, attributes in Tags(render(workspace, run)).tags if tag == "a"]

    assert links == ["../data_docs/local_site/index.html"]


@pytest.mark.parametrize("place", ["prompt", "sft", "policy"])
def test_a_hostile_answer_stays_text(workspace: Path, run: Run, place: str) -> None:
    write(workspace, "evidence/samples.json", [{"prompt": "p", "sft": "s", "policy": "q", place: HOSTILE}])
    page = Tags(render(workspace, run))

    assert not [tag for tag, _ in page.tags if tag in {"script", "img"}]
    assert HOSTILE in page.texts


def test_hostile_text_in_every_other_place_stays_text(workspace: Path) -> None:
    write(workspace, "checked/report.json", {"sources": [{
        "path": HOSTILE, "kind": HOSTILE, "sha256": HOSTILE, "verdict": HOSTILE, "error": HOSTILE,
        "warnings": [HOSTILE], "rows_rejected": [{"line": HOSTILE, "reason": HOSTILE}]}],
        "errors": [HOSTILE], "expectations": [
            {"table": HOSTILE, "columns": HOSTILE, "expectation": HOSTILE, "passed": False}]})
    write(workspace, "evidence/evidence.json", {"metrics": [{"name": HOSTILE, "value": 1.0, "samples": HOSTILE}]})
    write(workspace, "plots/train_sft.csv", f'step,"loss {HOSTILE}"\n1,2.0\n2,1.0\n')
    hostile: Run = {
        "id": HOSTILE, "outcome": HOSTILE, "reason": HOSTILE, "commit": HOSTILE, "started": HOSTILE,
        "champion": {"name": HOSTILE, "version": HOSTILE, "digest": HOSTILE},
        "decision": {"findings": [{"metric": HOSTILE, "wanted": HOSTILE, "passed": False, "reason": HOSTILE}]},
        "stages": [{"name": HOSTILE, "state": HOSTILE, "run_id": HOSTILE}],
        "digests": {HOSTILE: HOSTILE}, "ledger": {HOSTILE: HOSTILE}, "places": {HOSTILE: HOSTILE}}

    tags = Tags(render(workspace, hostile)).tags

    assert not [tag for tag, attributes in tags if tag in {"script", "img"} or "onerror" in attributes]


def test_an_empty_workspace_and_an_unknown_run_give_a_page_that_says_so(tmp_path: Path) -> None:
    words = Tags(render(tmp_path, {})).words

    for section in ("Decision of the gates", "Curves of train_policy", "Sample answers", "Stages of this run",
                    "Data report"):
        assert f"{section}: not recorded" in words


@pytest.mark.parametrize(
    "content", ["", "{", "null", "[]", "[1, 2]", '"text"', '{"metrics": 1, "sources": {}}', "\x00"])
def test_a_broken_file_counts_as_not_recorded(workspace: Path, run: Run, content: str) -> None:
    for path in ("evidence/evidence.json", "evidence/samples.json", "evidence/rounds.csv", "checked/report.json",
                 "plots/train_policy.csv", "metrics/train_policy.json"):
        write(workspace, path, content)

    words = Tags(render(workspace, run)).words

    assert "Sample answers: not recorded" in words
    assert "Curves of train_policy: not recorded" in words


JUNK = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=4)


def holding(*keys: str) -> st.SearchStrategy:
    """Mappings with some of the keys that the report reads, whatever they hold."""
    return st.dictionaries(st.sampled_from(keys), JUNK | st.lists(JUNK, max_size=2), max_size=len(keys))


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    metric=holding("name", "value", "low", "high", "samples"),
    source=holding("path", "kind", "sha256", "verdict", "rows_read", "rows_accepted", "rows_rejected", "warnings"),
    refused=holding("line", "reason"), expectation=holding("table", "expectation", "columns", "passed"),
    sample=holding("prompt", "sft", "policy", "sft_score"), numbers=holding("kept_after_update"), errors=JUNK)
def test_no_content_of_a_file_breaks_the_page(
        tmp_path: Path, metric: dict, source: dict, refused: dict, expectation: dict, sample: dict, numbers: dict,
        errors: object) -> None:
    write(tmp_path, "evidence/evidence.json", {"metrics": [metric]})
    write(tmp_path, "evidence/samples.json", [sample])
    write(tmp_path, "metrics/train_policy.json", numbers)
    write(tmp_path, "checked/report.json", {
        "sources": [source, {"rows_rejected": [refused, refused]}], "expectations": [expectation], "errors": errors})

    assert "</html>" in render(tmp_path, {})


def test_missing_numbers_are_gaps_and_not_zeros(tmp_path: Path) -> None:
    write(tmp_path, "plots/p.csv", "step,reward,heldout\n1,0.5,\n2,nan,inf\n3,0.75,0.5\n,9,9\n")

    curves = read_curves(tmp_path / "build/plots/p.csv")

    assert curves["reward"] == ([1.0, 3.0], [0.5, 0.75])
    assert curves["heldout"] == ([3.0], [0.5])


def test_a_finding_without_numbers_has_no_place_on_the_line(workspace: Path, run: Run) -> None:
    run["decision"]["findings"][0] |= {"found": None, "low": None, "high": None, "samples": None}

    page = render(workspace, run)

    assert 'class="allowed"' not in page
    assert "too far from the reference" in page


def test_the_same_inputs_give_the_same_bytes(workspace: Path, run: Run) -> None:
    assert render(workspace, run) == render(workspace, run)


def test_the_file_lies_where_the_flow_says(workspace: Path, run: Run) -> None:
    path = write_report(workspace, run)

    assert path == workspace / "build/reports/index.html"
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
