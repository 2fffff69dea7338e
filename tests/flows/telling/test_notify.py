"""What is in the ledger is told once, whether it arrived is in the ledger too, and no receiver changes a run."""

import json
from pathlib import Path
from typing import Any

import pytest

from flows.cli import main as cli
from flows.promotion.approval import approve
from flows.promotion.by_hand import promote_version, roll_back
from flows.run import Run, begin
from flows.telling.notify import send_test, tell, telling
from flows.telling.webhook import Patience, public_key, receiver_of
from tasks.contracts.errors import DataRefused, Misused, PromotionRefused
from tasks.records.signatures import load_or_make_key
from tests.flows.hands import decided, desk, people, proves, started_by
from tests.flows.telling.receiving import inbox, verifies


@pytest.fixture
def run(workspace: Path) -> Run:
    return begin(workspace, force=False)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "flows.telling.notify.PATIENCE", Patience(tries=3, first_pause_seconds=0.01, timeout_seconds=1.0))


def end(run: Run, outcome: str) -> Any:
    return run.record("run finished", outcome=outcome, reason="a reason", candidate="c" * 64, version=3)


def last(run: Run) -> tuple[str, dict[str, Any]]:
    entry = run.ledger.entries()[-1]
    return entry.kind, entry.payload


@pytest.mark.parametrize(("outcome", "event"), [
    ("refused", "run.refused"), ("waiting for approval", "run.waiting"), ("crashed", "run.crashed")])
def test_an_outcome_is_told_once_signed_and_with_its_place_in_the_ledger(
    run: Run, monkeypatch: pytest.MonkeyPatch, outcome: str, event: str
) -> None:
    entry = end(run, outcome)
    with inbox() as box:
        monkeypatch.setenv("HALLMARK_WEBHOOK", box.url)
        tell(run)
        tell(run)  # there is nothing new
    (headers, body), = box.got

    assert json.loads(body) == {"type": event, "timestamp": entry.time, "data": {
        "run": run.id, "outcome": outcome, "reason": "a reason", "name": None, "version": 3, "digest": "c" * 64,
        "ledger": {"index": 1, "head": entry.hash}}}
    assert verifies(public_key(load_or_make_key(run.home)), headers, body)
    assert last(run) == ("notified", {
        "run": run.id, "event": event, "entry": 1, "id": headers["webhook-id"], "host": "127.0.0.1", "tries": 1})
    assert run.ledger.verify().ok


def test_nobody_is_told_that_nothing_changed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    end(run, "no change")
    with inbox() as box:
        monkeypatch.setenv("HALLMARK_WEBHOOK", box.url)
        tell(run)

    assert (box.got, last(run)[0]) == ([], "run finished")


def test_without_a_receiver_nothing_is_recorded(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALLMARK_WEBHOOK", " ")
    end(run, "refused")

    tell(run)

    assert last(run)[0] == "run finished"


def test_a_dead_receiver_is_one_line_and_one_entry_and_its_url_is_in_neither(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    end(run, "refused")
    with inbox() as box:
        monkeypatch.setenv("HALLMARK_WEBHOOK", box.url)

    tell(run)

    said = capsys.readouterr().err
    assert said == "no notification of run.refused reached 127.0.0.1 in 3 tries: Connection refused\n"
    kind, payload = last(run)
    assert (kind, payload["fault"], payload["tries"]) == ("notification failed", "Connection refused", 3)
    assert "secret" not in said + json.dumps([entry.payload for entry in run.ledger.entries()])


@pytest.mark.parametrize(("fault", "tries"), [(KeyboardInterrupt(), 1), (DataRefused("rows must not train"), 3)])
def test_a_fault_stays_that_fault_and_whoever_cancels_waits_for_one_try_alone(
    run: Run, monkeypatch: pytest.MonkeyPatch, fault: BaseException, tries: int
) -> None:
    def breaks_off() -> None:
        with telling(run):
            end(run, "crashed")
            raise fault

    with inbox(503) as box:
        monkeypatch.setenv("HALLMARK_WEBHOOK", box.url)
        with pytest.raises(type(fault)):
            breaks_off()

    assert len(box.got) == tries


def test_a_killed_run_is_told_by_the_next_one_which_closes_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    again = begin(run.root, force=False)
    with inbox() as box:
        monkeypatch.setenv("HALLMARK_WEBHOOK", box.url)
        tell(again)

    (said,) = box.messages
    assert (said["type"], said["data"]["run"], said["data"]["reason"]) == ("run.crashed", run.id, "it was killed")


def test_promotion_and_rollback_by_hand_are_told(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys, run = people(workspace, "ann"), started_by("carol", workspace)
    with inbox() as box:
        monkeypatch.setenv("HALLMARK_WEBHOOK", box.url)
        for number, name in enumerate(("one", "two"), 1):
            decided(run, name)
            approve(desk(workspace), number, keys["ann"], "good")
            promote_version(desk(workspace), number, proves)
        roll_back(desk(workspace), None, proves, "it swears")

    said = [(one["type"], one["data"]["version"], one["data"]["reason"]) for one in box.messages]
    assert said == [("champion.promoted", 1, ""), ("champion.promoted", 2, ""),
                    ("champion.rolled_back", 1, "it swears")]


def test_a_champion_that_was_taken_back_is_told(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys, run = people(workspace, "ann"), started_by("carol", workspace)
    decided(run, "one")
    approve(desk(workspace), 1, keys["ann"], "good")

    def refuses(folder: Path) -> None:
        raise PromotionRefused("answers with nothing")

    with inbox() as box:
        monkeypatch.setenv("HALLMARK_WEBHOOK", box.url)
        with pytest.raises(PromotionRefused, match="answers with nothing"):
            promote_version(desk(workspace), 1, refuses)

    (said,) = box.messages
    assert (said["type"], said["data"]["version"]) == ("champion.promotion_undone", 1)


def test_a_test_message_tells_how_far_the_ledger_goes(run: Run) -> None:
    with inbox() as box:
        delivery = send_test(run.ledger, receiver_of(box.url))

    (said,) = box.messages
    assert (delivery.fault, said["type"], said["data"]["ledger"]) == ("", "test", {
        "index": 0, "head": run.ledger.head()})


def test_an_unusable_receiver_is_misused_before_anything_happens(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HALLMARK_WEBHOOK", "http://hooks.example.org/secret")

    with pytest.raises(Misused, match="HALLMARK_WEBHOOK"):
        promote_version(desk(workspace), 1, proves)
    assert cli.run(["retrain"]) == 2

    assert "secret" not in "".join(capsys.readouterr())
    assert desk(workspace).ledger.entries() == []


@pytest.mark.usefixtures("prefect_server")
def test_a_whole_run_tells_how_it_ended_and_a_dead_receiver_leaves_its_outcome(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.retrain import retrain

    with inbox(503, 503, 200) as box:
        monkeypatch.setenv("HALLMARK_WEBHOOK", box.url)
        assert retrain()["outcome"] == "waiting for approval"
    assert [one["type"] for one in box.messages] == ["run.waiting"] * 3
    assert len({headers["webhook-id"] for headers, _ in box.got}) == 1

    (workspace / "rows.txt").write_text("refuse")
    with pytest.raises(DataRefused):
        retrain()

    kinds = [(entry.kind, entry.payload.get("outcome")) for entry in desk(workspace).ledger.entries()]
    assert [kind for kind in kinds[-3:] if kind[0] != "mlflow recorded"] == [
        ("run finished", "refused"), ("notification failed", None)]
    assert [kind for kind, _ in kinds].count("notified") == 1
