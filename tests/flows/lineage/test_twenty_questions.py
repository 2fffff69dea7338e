"""What an auditor asks, each by the command that answers it, on the world of tests/flows/audit_world.py."""

import hashlib
import json
import platform
import subprocess
from pathlib import Path
from typing import Any

import pytest

from flows.cli import main as cli
from flows.desk import open_desk
from flows.promotion.by_hand import roll_back
from tasks.contracts.errors import PromotionRefused
from tasks.records.sqlite_table import SqlitePlace
from tests.flows.audit_world import DEMONSTRATED, ERASED, HELD_OUT, LATER, World
from tests.flows.hands import started_by
from tests.flows.rows_on_record import recorded
from tests.records import worlds

NOBODY = "ab" * 32


class Ask:
    """Asks the command line for its --json answer."""

    def __init__(self, capsys: pytest.CaptureFixture[str]):
        self._capsys = capsys

    def __call__(self, *words: str, code: int = 0) -> dict[str, Any]:
        self._capsys.readouterr()
        assert cli.run((*words, "--json")) == code, self._capsys.readouterr()
        return dict(json.loads(self._capsys.readouterr().out))

    def refused(self, *words: str, code: int = 2) -> str:
        """The error of a command that must end with this exit code."""
        return str(self(*words, code=code)["error"])


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Ask:
    return Ask(capsys)


def kinds(world: World, said: dict[str, Any]) -> set[str]:
    """The kinds of the ledger entries that an answer names."""
    entries = world.ledger.entries()
    return {entries[index].kind for index in said["entries"]}


def test_1_which_rows_trained_version_2(ask: Ask, erased: World) -> None:
    rows = {version: set(ask("audit", "rows", version)["row"]) for version in ("1", "2")}
    assert ERASED in rows["1"] & rows["2"]
    assert LATER in rows["2"] - rows["1"]
    assert erased.ledger.entries()[ask("audit", "rows", "2")["entry"]].kind == "registered"
    assert "knows no version 9" in ask.refused("audit", "rows", "9")


def test_2_who_saw_a_row_through_every_step(ask: Ask, erased: World) -> None:
    said = ask("audit", "who-saw", LATER)
    seen = {(one["name"], one["version"]): one["through"] for one in said["model_versions"]}
    assert seen["reward-model", 2].startswith("trained on it")
    assert "through reward model version 2" in seen["policy", 2]
    assert ("policy", 1) not in seen
    assert set(said["aliases"]) == {"champion", "previous", "challenger"}
    assert kinds(erased, said) == {"registered", "promoted"}
    assert len(said["data_versions"]) == 1
    assert len(ask("audit", "who-saw", ERASED)["data_versions"]) == 2
    assert ask("audit", "who-saw", HELD_OUT)["model_versions"][0]["through"] == "measured on it only"
    assert ask("audit", "who-saw", NOBODY)["known"] is False


def test_3_where_a_row_came_from_under_which_licence_and_consent(ask: Ask, erased: World) -> None:
    said = ask("audit", "row", ERASED)
    assert [one["data_version"] for one in said["origins"]] == [1, 2]
    first = said["origins"][0]
    assert (first["source"], first["line"]) == ("data/preferences.jsonl.gz", 7)
    recorded_first = erased.ledger.entries("data version")[0].payload["files"]
    assert first["sha256"] == recorded_first["data/preferences.jsonl.gz"]
    assert (first["licence"], first["consent"]) == ("CC-BY-4.0", "signed by both annotators")
    assert (first["came_from"], first["collected"], first["collected_by"]) == ("help desk of 2025", "2025-11", "omar")
    assert kinds(erased, said) == {"registered", "data version", "row forgotten", "erasure finished"}
    assert ask("audit", "row", LATER)["forgotten"] is None


def test_3_what_nobody_recorded_of_a_row_says_so_and_an_unknown_row_has_no_origin(ask: Ask, erased: World) -> None:
    held_out = ask("audit", "row", HELD_OUT)["origins"][0]
    assert (held_out["licence"], held_out["consent"]) == ("not recorded", "not recorded")
    said = ask("audit", "row", NOBODY)
    assert (said["known"], said["origins"], said["entries"]) == (False, [], [])
    assert "begins no known row" in ask.refused("audit", "row", NOBODY[:12])


def test_4_who_labelled_a_row_under_which_guideline(ask: Ask, erased: World) -> None:
    told = {row: ask("audit", "row", row[:16])["origins"][0] for row in (ERASED, LATER, DEMONSTRATED)}
    assert (told[ERASED]["annotator"], told[ERASED]["guideline"]) == ("nia", "compare 4")
    assert (told[LATER]["annotator"], told[LATER]["guideline"]) == ("nia", "compare 5")
    assert (told[DEMONSTRATED]["annotator"], told[DEMONSTRATED]["guideline"]) == ("not recorded", "style 2")


def test_5_which_checks_the_data_passed_with_which_suite(ask: Ask, erased: World) -> None:
    said = ask("audit", "checks", "2")
    assert (said["verdict"], said["data_version"]) == ("accept", 2)
    assert {one["suite"] for one in said["expectations"]} == {
        "demonstrations", "preferences", "prompts", "prompts_by_side"}
    assert all(one["passed"] for one in said["expectations"])
    assert ("preferences", "expect_columns_to_differ") in {
        (one["suite"], one["expectation"]) for one in said["expectations"]}
    assert [one["rows_accepted"] for one in said["sources"]] == [30, 30, 30, 24, 20]
    (erased.home / "files" / said["report"]).write_text("{}")
    changed = ask("audit", "checks", "2")
    assert (changed["verdict"], changed["report"], changed["expectations"]) == ("not recorded", "not recorded", [])


def test_6_what_was_refused_and_why(ask: Ask, erased: World) -> None:
    (row,) = [one for source in ask("audit", "checks", "2")["sources"] for one in source["refused"]]
    assert row == {"line": 3, "reason": "chosen is empty"}
    said = ask("audit", "refused")
    found = {(one["what"], one["version"]): one["why"] for one in said["refused"]}
    assert found["refused by check_data", None].startswith(
        "data/scraped.jsonl: 15 of 30 rows are refused (50.0%), at most 5.0% may be")
    assert found["refused by the gate", 3].endswith("the judge is not pleased")
    assert kinds(erased, said) == {"run finished", "gate decided", "promoted"}


def test_7_whether_evaluation_prompts_leaked_into_training(ask: Ask, erased: World) -> None:
    said = ask("audit", "leaks", "5")
    assert said["leaks"] == []
    assert "prompts_test.prompts and prompts_train.prompts" in said["compared"]
    assert kinds(erased, said) == {"registered"}
    recorded(started_by("dan", erased.root), "leaky", {"preferences_train": ["pair"], "preferences_test": ["pair"]})
    (leak,) = ask("audit", "leaks", "7", code=1)["leaks"]
    assert (leak["measured"], leak["trained"], leak["shared"]) == ("preferences_test", "preferences_train", 1)


def test_8_which_commit_and_was_the_tree_dirty(ask: Ask, audited: World) -> None:
    commits = subprocess.run(["git", "log", "--format=%H"], capture_output=True, text=True, check=True).stdout.split()
    clean, dirty = ask("audit", "origin", "5"), ask("audit", "origin", "4")
    assert (clean["commit"], clean["dirty"], clean["diff"]) == (commits[0], False, None)
    assert (dirty["commit"], dirty["dirty"]) == (commits[0], True)
    patch = Path(dirty["diff"]["path"])
    assert "+seed: 4" in patch.read_text()
    assert hashlib.sha256(patch.read_bytes()).hexdigest() == dirty["diff"]["sha256"]
    assert kinds(audited, clean) == {"run started", "registered"}
    patch.unlink()
    assert ask("audit", "origin", "4")["diff"]["path"] == "not kept"


def test_9_which_environment(ask: Ask, erased: World) -> None:
    said = ask("audit", "origin", "5")
    assert said["python"] == platform.python_version()
    assert said["packages"]["versions"]["mlflow"] == "3.17.2"
    listed = Path(said["packages"]["installed"]["path"])
    assert "mlflow==3.17.2" in listed.read_text().splitlines()
    assert {one["package"]: one["locked"] for one in said["packages"]["differ"]} == {"numpy": "1.0.0"}
    assert set(said) >= {"processor", "gpu", "driver", "cuda"}
    assert all(said[key] != "not recorded" for key in ("processor", "gpu", "driver", "cuda"))
    listed.unlink()
    assert ask("audit", "origin", "5")["packages"]["differ"] == "not recorded"


def test_10_whether_it_can_be_rebuilt_bit_for_bit(ask: Ask, audited: World) -> None:
    data = ("--stage", "check_data", "--stage", "prepare_data")
    said = ask("audit", "rebuild", "2", *data)
    assert [(one["name"], one["verdict"]) for one in said["stages"]] == [
        ("check_data", "identical"), ("prepare_data", "identical")]
    assert audited.ledger.entries()[-1].kind == "rebuilt"
    assert "knows no version 9" in ask.refused("audit", "rebuild", "9")


def test_10_a_version_whose_data_were_forgotten_cannot_be_rebuilt_and_the_answer_says_why(
    ask: Ask, erased: World
) -> None:
    error = ask.refused("audit", "rebuild", "2", "--stage", "check_data", code=1)
    assert "deleted on purpose: ledger entry" in error


def test_11_which_models_made_this_policy(ask: Ask, erased: World) -> None:
    said = ask("audit", "origin", "5")
    parents = {one["role"]: one for one in said["parents"]}
    digests = {name: hashlib.sha256(hashlib.sha256(f"{name} of day 12".encode()).hexdigest().encode()).hexdigest()
               for name in ("sft", "reward", "policy")}  # of the sorted digests of a model's files: here of one
    assert said["digest"] == digests["policy"]
    assert parents["sft"]["digest"] == parents["reference"]["digest"] == digests["sft"]
    assert (parents["reward"]["digest"], parents["reward"]["name"], parents["reward"]["version"]) == (
        digests["reward"], "reward-model", 5)
    assert parents["base"]["digest"] == "not recorded"  # this world's pipeline pretrains none
    assert "knows no version 9" in ask.refused("audit", "origin", "9")


def test_12_why_the_gate_passed_under_which_thresholds(ask: Ask, erased: World) -> None:
    said = ask("audit", "approvals", "5")
    assert said["gate"]["verdict"] == "promote"
    assert [(one["metric"], one["wanted"], one["found"], one["passed"]) for one in said["gate"]["findings"]] == [
        ("judge_score", "low >= 0.5", pytest.approx(0.7), True), ("kl_nats", "value <= 10", 4.5, True)]
    assert said["gate"]["bundle"] == "holds, and says the same"
    assert erased.ledger.entries()[said["gate"]["entry"]].kind == "gate decided"
    assert [one["passed"] for one in ask("audit", "approvals", "3")["gate"]["findings"]] == [False, True]


def test_13_who_approved_over_which_evidence(ask: Ask, erased: World) -> None:
    said = ask("audit", "approvals", "5")
    (signed,) = said["signatures"]
    assert (signed["approver"], signed["decision"], signed["reason"], signed["holds"]) == (
        "ben", "approve", "polite again", True)
    bundle = erased.home / "bundles" / f"{signed['over_bundle']}.json"
    assert hashlib.sha256(bundle.read_bytes()).hexdigest() == signed["over_bundle"] == said["bundle"]
    assert ask("audit", "approvals", "3")["signatures"] == []
    bundle.write_text(bundle.read_text() + " ")
    assert "was changed" in ask("audit", "approvals", "5")["gate"]["bundle"]


def test_14_whether_the_approver_was_someone_else_than_who_started_the_run(ask: Ask, erased: World) -> None:
    said = ask("audit", "approvals", "5")
    assert (said["started_by"], [one["own_run"] for one in said["signatures"]]) == (["anna"], [False])
    own = cli.run(["approve", "6", "--key", str(erased.keys["anna"]), "--reason", "mine"])
    assert own == 1
    assert ask("audit", "approvals", "6")["signatures"] == []


def test_15_what_was_champion_on_a_day(ask: Ask, erased: World) -> None:
    stood = {day: ask("audit", "champion", "--at", day)["champion"] for day in (
        "2026-01-04", "2026-01-05", "2026-01-10", "2026-01-10T09:00:00Z", "2026-01-11", "2026-01-31")}
    assert {day: one and one["version"] for day, one in stood.items()} == {
        "2026-01-04": None, "2026-01-05": 1, "2026-01-10": 4, "2026-01-10T09:00:00Z": 2, "2026-01-11": 2,
        "2026-01-31": 5}
    assert stood["2026-01-10"]["override"] == "the demo is tomorrow"
    assert stood["2026-01-10"]["until"].startswith("2026-01-11T03:00")
    assert kinds(erased, ask("audit", "champion")) == {"promoted"}
    assert "is no time" in ask.refused("audit", "champion", "--at", "yesterday")


def test_16_what_was_refused_or_overridden(ask: Ask, erased: World) -> None:
    found = [(one["what"], one["version"], one["why"]) for one in ask("audit", "refused")["refused"]]
    assert ("overridden", 4, "the demo is tomorrow (ben, cora)") in found
    assert ("taken back", 4, "swears at customers") in found
    said = ask("audit", "approvals", "4")
    assert [(one["approver"], one["decision"]) for one in said["signatures"]] == [
        ("ben", "override"), ("cora", "override")]
    assert said["promotions"][0]["override"] == "the demo is tomorrow"
    assert [one["override"] for one in ask("audit", "approvals", "5")["promotions"]] == [None]


def test_17_whether_the_record_was_altered_cut_or_reordered(ask: Ask, erased: World) -> None:
    assert ask("audit", "verify")["ok"] is True
    world = worlds.World(erased.ledger, SqlitePlace(erased.ledger.path))
    world.tamper("UPDATE ledger SET payload = replace(payload, 'swears at customers', 'as planned')")
    broken = next(one.index for one in erased.ledger.entries("promoting") if "as planned" in one.payload_json)
    said = ask("audit", "verify", code=1)
    assert (said["ok"], said["broken"]["index"]) == (False, broken)


def test_18_whether_the_served_bytes_are_the_approved_ones(ask: Ask, erased: World) -> None:
    said = ask("audit", "served")
    assert {(one["alias"], one["version"]) for one in said["served"] if one["name"] == "policy"} == {
        ("champion", 5), ("previous", 2), ("challenger", 6)}
    for path in (erased.home / "mlartifacts").rglob("model.safetensors"):
        if path.read_bytes() == b"policy of day 12":
            path.write_text("policy of day 21")
    (changed,) = [one for one in ask("audit", "served", code=1)["served"] if not one["ok"]]
    assert (changed["alias"], changed["version"]) == ("champion", 5)
    assert "model.safetensors" in str(changed["files"])


def test_19_when_it_was_rolled_back_and_did_it_work(ask: Ask, audited: World) -> None:
    said = ask("audit", "rollbacks")
    (one,) = said["rollbacks"]
    assert (one["by"], one["from"], one["to"], one["reason"], one["worked"]) == (
        "ben", 4, 2, "swears at customers", True)
    assert one["time"].startswith("2026-01-11T03:00")
    assert kinds(audited, said) == {"promoting", "promoted"}

    def refuses(folder: Path) -> None:
        raise PromotionRefused("the model answers the smoke prompt with nothing")

    with pytest.raises(PromotionRefused):
        roll_back(open_desk(audited.root, "rollback"), None, refuses, "too slow")
    again = ask("audit", "rollbacks")["rollbacks"][1]
    assert (again["worked"], "the champion stayed" in again["outcome"]) == (False, True)


def test_20_what_was_deleted_and_what_must_be_kept_until_when(ask: Ask, erased: World) -> None:
    forgotten = ask("audit", "row", ERASED)["forgotten"]
    assert (forgotten["by"], forgotten["reason"]) == ("anna", "asked to be forgotten")
    assert [erased.ledger.entries()[forgotten[key]].kind for key in ("entry", "finished")] == [
        "row forgotten", "erasure finished"]
    assert ERASED not in "".join(path.read_text() for path in (erased.root / "build").rglob("*.jsonl"))
    said = ask("audit", "retention")
    assert any(ERASED in str(one) for one in said["deleted"])
    kept = {one["version"]: one for one in said["keep"] if one["name"] == "policy"}
    assert sorted(kept) == [1, 2, 3, 4, 5, 6]
    assert kept[5]["until"] is None  # it is the champion
    assert kept[1]["until"].startswith("2036-01-04")  # 3650 days after its last day as champion


def test_20_nothing_was_deleted_before_somebody_asked(ask: Ask, audited: World) -> None:
    assert ask("audit", "retention")["deleted"] == []
    assert ask("audit", "row", ERASED)["forgotten"] is None
