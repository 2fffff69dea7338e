"""`kill -9` at random moments of a run: the chain verifies each time, and the next start closes the open run."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from flows.promotion import history
from tasks.records.ledger import Ledger
from tests.flows.running.killing import Moment, kill, moments, prepare, whole


@pytest.fixture(autouse=True)
def one_server(prefect_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All runs use one server of Prefect: theirs would take more seconds to start than the runs take."""
    monkeypatch.setenv("PREFECT_API_URL", prefect_server)


def killed(root: Path, at: Sequence[Moment]) -> Counter[str]:
    """Kill a run at each moment; return after which ledger entries the kills came, each of which is told as such."""
    came = Counter(kill(root, number, moment) for number, moment in enumerate(at, start=1))
    outcomes = [entry.payload["outcome"] for entry in Ledger().entries("run finished")]
    assert outcomes.count("crashed") == len(at) - came["none"] - came["run finished"]
    assert history.open_runs(Ledger().entries()) == []
    assert Ledger().verify().ok
    return came


@pytest.mark.timeout(600)
def test_three_kills_leave_a_ledger_that_verifies_and_nothing_open(workspace: Path) -> None:
    prepare(workspace)

    came = killed(workspace, [Moment(0, 2.0), Moment(1, 0.5), Moment(5, 0.0)])  # at the start, in a stage, registering

    assert came["run finished"] == 0  # none came too late


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_thirty_kills_at_random_moments_leave_a_ledger_that_verifies_and_nothing_open(workspace: Path) -> None:
    prepare(workspace)
    entries, seconds = whole(workspace, 0)

    came = killed(workspace, moments(2026, 30, entries, seconds))

    print(f"\nkills came after: {dict(came)}")
    assert {"none", "run started", "promoting"} <= came.keys()  # at its start, in its stages, between swap and proof
    assert came["run finished"] < 10  # few came too late
    whole(workspace, 31)
