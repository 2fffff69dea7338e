"""`kill -9` at random moments of a run: the chain verifies each time, and the next start closes the open run."""

from collections import Counter
from pathlib import Path

import pytest

from flows import history
from tasks.records.ledger import Ledger
from tests.flows.killing import kill, moments, prepare, whole


@pytest.fixture(autouse=True)
def one_server(prefect_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All runs use one server of Prefect: theirs would take more seconds to start than the runs take."""
    monkeypatch.setenv("PREFECT_API_URL", prefect_server)


def killed(root: Path, count: int, seed: int) -> Counter[str]:
    """Kill so many runs and let one come to its end; return after which ledger entries the kills came."""
    prepare(root)
    entries, start_seconds = whole(root, 0)
    came = Counter(kill(root, number, moment)
                   for number, moment in enumerate(moments(seed, count, entries, start_seconds), start=1))
    whole(root, count + 1)
    assert history.open_runs(Ledger().entries()) == []
    assert Ledger().verify().ok
    return came


def crashed() -> int:
    return sum(entry.payload["outcome"] == "crashed" for entry in Ledger().entries("run finished"))


@pytest.mark.timeout(600)
def test_three_kills_leave_a_ledger_that_verifies_and_nothing_open(workspace: Path) -> None:
    came = killed(workspace, 3, seed=11)

    assert came.total() == 3
    assert crashed() == 3 - came["none"] - came["run finished"]


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_thirty_kills_at_random_moments_leave_a_ledger_that_verifies_and_nothing_open(workspace: Path) -> None:
    came = killed(workspace, 30, seed=2026)

    print(f"\nkills came after: {dict(came)}")
    assert crashed() == 30 - came["none"] - came["run finished"]
    assert {"none", "run started", "stages finished", "promoting"} <= came.keys()  # in every part of its life
