"""What the ledger's entries say, worked by hand."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from flows.promotion import history, succession


@dataclass(frozen=True)
class Written:
    """An entry as the ledger gives it."""

    index: int
    time: str
    kind: str
    payload: dict[str, Any] = field(default_factory=dict)


def ledger(*said: tuple[str, dict[str, Any]]) -> list[Written]:
    return [Written(i, f"2026-11-02T10:0{i}:00.000000Z", *one) for i, one in enumerate(said)]


def registered(version: int, digest: str = "d1", name: str = "policy") -> tuple[str, dict[str, Any]]:
    return "registered", {"run": "r1", "name": name, "version": version, "digest": digest, "bundle": f"b{version}"}


def promoted(version: int, digest: str = "d1") -> tuple[str, dict[str, Any]]:
    return "promoted", {"run": "r1", "name": "policy", "version": version, "digest": digest, "previous": None}


def undone(refused: bool) -> tuple[str, dict[str, Any]]:
    return "promotion undone", {"run": "r1", "name": "policy", "version": 1, "digest": "d1", "refused": refused}


def decision(verdict: str, **changes: Any) -> tuple[str, dict[str, Any]]:
    payload = {"run": "r1", "candidate": "d1", "verdict": verdict, "evidence": "e1", "rules": "u1", "against": 1,
               "decision": {"verdict": verdict}}
    return "gate decided", payload | changes


def finished(outcome: str, run: str = "r1") -> tuple[str, dict[str, Any]]:
    return "run finished", {"run": run, "outcome": outcome, "candidate": "d1"}


def expired(version: int) -> tuple[str, dict[str, Any]]:
    return "approval expired", {"run": "r1", "name": "policy", "version": version, "digest": "d1", "bundle": "b1"}


def refused(version: int, digest: str = "d1") -> tuple[str, dict[str, Any]]:
    return "registered", registered(version, digest)[1] | {"verdict": "refuse"}


def back(version: int, digest: str = "d1") -> tuple[str, dict[str, Any]]:
    return "promoted", promoted(version, digest)[1] | {"rollback": f"back to {version}", "override": None}


ASKED: dict[str, Any] = {"candidate": "d1", "evidence": "e1", "rules": "u1", "against": 1}


def test_the_champion_is_who_was_promoted_last() -> None:
    entries = ledger(registered(1), promoted(1), registered(2, "d2"), promoted(2, "d2"), registered(3, "d3"))

    assert history.champion(entries, "policy") == history.Standing(2, "d2", "2026-11-02T10:03:00.000000Z")
    assert history.champion(entries, "other") is None
    assert history.champion([], "policy") is None


def test_a_challenger_passed_and_was_neither_promoted_nor_refused_since() -> None:
    entries = ledger(registered(1), promoted(1), registered(2, "d2"), registered(7, "d7", name="reward-model"))

    assert [one.version for one in history.challengers(entries, "policy")] == [2]


@pytest.mark.parametrize(("refused", "left"), [(True, []), (False, [1])])
def test_a_promotion_undone_by_a_fault_leaves_a_challenger(refused: bool, left: list[int]) -> None:
    entries = ledger(registered(1), undone(refused))

    assert [one.version for one in history.challengers(entries, "policy")] == left


@pytest.mark.parametrize(("said", "left"), [
    ([refused(1)], []),
    ([registered(1), refused(1)], []),  # the same bytes under other rules
    ([refused(1), registered(1)], [1]),
    ([registered(1), expired(1)], []),
    ([registered(1), expired(1), registered(1)], [1]),
    ([registered(1), ("rejected", {"name": "policy", "version": 1, "digest": "d1"}), registered(1)], []),
    ([("registering", {"name": "policy", "digest": "d1"}), registered(1)], [1]),
])
def test_who_was_refused_rejected_or_waited_too_long_is_no_challenger(said: list[Any], left: list[int]) -> None:
    assert [one.version for one in history.challengers(ledger(*said), "policy")] == left


@pytest.mark.parametrize(("said", "stood", "taken_back"), [
    ([], [], {}),
    ([promoted(1), promoted(2), promoted(3)], [1, 2, 3], {}),
    ([promoted(1), promoted(2), promoted(3), back(2)], [1, 2], {3: "back to 2"}),
    ([promoted(1), promoted(2), promoted(3), back(1)], [1], {3: "back to 1"}),
    ([promoted(1), promoted(2), back(1), promoted(3)], [1, 3], {2: "back to 1"}),
    ([promoted(1), promoted(2), back(1), promoted(2)], [1, 2], {}),  # again, by hand
    ([promoted(1), promoted(2), promoted(1), promoted(3), back(1)], [1, 2, 1], {3: "back to 1"}),
    ([promoted(1), promoted(2), back(1), back(2)], [2], {1: "back to 2"}),  # up again, to one no longer below
])
def test_a_rollback_takes_away_what_stood_above(
    said: list[Any], stood: list[int], taken_back: dict[int, str]
) -> None:
    assert [one.version for one in succession.line(ledger(*said), "policy")] == stood
    assert succession.rolled_back(ledger(*said), "policy") == taken_back


def test_an_override_is_shown_whatever_came_later() -> None:
    entries = ledger(("promoted", promoted(1)[1] | {"override": "we know better", "approvals": ["ann", "bob"]}),
                     promoted(2), back(1))

    standing = history.champion(entries, "policy")

    assert standing is not None
    assert (standing.version, standing.override) == (1, "we know better (ann, bob)")


def test_of_two_promotions_that_overlap_the_open_one_is_found() -> None:
    """The first was killed after its swap; the second lost that swap and says so."""
    begun = [("promoting", {"run": f"r{n}", "name": "policy", "version": n, "digest": "d", "expected": None})
             for n in (1, 2)]
    lost = "promotion undone", {"run": "r2", "name": "policy", "version": 2, "digest": "d", "refused": False}

    found = history.open_promotion(ledger(*begun, lost))

    assert found is not None
    assert found["version"] == 1


def test_a_run_without_an_end_is_open() -> None:
    started = ("run started", {"run": "r1"}), ("run started", {"run": "r2"})

    assert history.open_runs(ledger(*started, finished("refused", "r2"))) == ["r1"]
    assert history.last_run(ledger(*started, finished("refused", "r2"))) == ("r2", "refused")
    assert history.last_run(ledger(*started)) == ("r2", "running")
    assert history.last_run([]) is None


@pytest.mark.parametrize("end", [None, promoted(1), undone(True)])
def test_a_promotion_without_an_end_is_open(end: tuple[str, dict[str, Any]] | None) -> None:
    begun = ("promoting", {"run": "r1", "name": "policy", "version": 1, "digest": "d1", "expected": None})

    found = history.open_promotion(ledger(begun, *([end] if end else [])))

    assert (found is None) == (end is not None)


def test_a_refusal_on_the_same_evidence_is_settled() -> None:
    assert history.decided(ledger(decision("refuse")), **ASKED) == history.Decided("r1", {"verdict": "refuse"}, True)


@pytest.mark.parametrize("other", ["candidate", "evidence", "rules", "against"])
def test_a_decision_about_anything_else_is_none(other: str) -> None:
    assert history.decided(ledger(decision("refuse")), **ASKED | {other: "another"}) is None


@pytest.mark.parametrize(("later", "settled"), [
    ([], False),  # killed after the decision
    ([registered(1)], False),  # killed after the registration
    ([registered(1), promoted(1)], True),
    ([registered(1), undone(True)], True),
    ([registered(1), undone(False)], False),
    ([registered(1), finished("waiting for approval")], True),
    ([registered(1), finished("waiting for approval"), expired(1)], False),  # it is asked for again
    ([registered(1), finished("crashed")], False),
])
def test_a_pass_is_settled_when_what_follows_from_it_was_done(later: list[Any], settled: bool) -> None:
    found = history.decided(ledger(decision("promote"), *later), **ASKED)

    assert found is not None
    assert found.settled is settled


def test_the_bundle_is_that_of_the_version() -> None:
    entries = ledger(registered(1), registered(2, "d2"), registered(1, "d9", name="reward-model"))

    assert history.bundle_of(entries, "policy", 1) == "b1"
    assert history.bundle_of(entries, "policy", 3) is None
