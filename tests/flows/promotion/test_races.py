"""Promotions that race and promotions that are killed, each in a process of its own: one champion, never none."""

import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.promote import Proof, promote, settle, trusted_champion
from flows.promotion.aliases import CHAMPION
from flows.run import Run, begin
from tasks.contracts.errors import PromotionRefused
from tasks.records import model_store, registry
from tasks.records.registry import Version
from tests.flows.hands import decided, desk, proves
from tests.flows.running.test_groups import wait_until


@pytest.fixture
def run(workspace: Path) -> Run:
    """No signature is wanted, and a first version is champion."""
    params = workspace / "params.yaml"
    params.write_text(params.read_text().replace("  approvals: 1 ", "  approvals: 0 "))
    run = begin(workspace, force=False)
    promote(run, decided(run, "first"), None, proves)
    return run


class Racer:
    """A process of tests/flows/promotion/racer.py."""

    def __init__(self, *words: str) -> None:
        command = [sys.executable, "-m", "tests.flows.promotion.racer", *words]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def tell(self, version: Version) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{version.version}\n")
        self.process.stdin.flush()

    def hear(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def racers(run: Run) -> Iterator[list[Racer]]:
    pair = [Racer(), Racer()]
    assert [one.hear() for one in pair] == ["ready", "ready"]
    yield pair
    for one in pair:
        one.kill()


def champion() -> int | None:
    found = registry.by_alias("policy", CHAMPION)
    return found.version if found else None


def watch(seen: list[int | None], end: threading.Event) -> None:
    while not end.wait(0.05):
        seen.append(champion())


def race(run: Run, racers: list[Racer], rounds: int) -> list[int]:
    """Let two versions race in each round; return how often each racer won."""
    seen: list[int | None] = []
    won, end = [0, 0], threading.Event()
    watcher = threading.Thread(target=watch, args=(seen, end))
    watcher.start()
    try:
        for number in range(rounds):
            pair = [decided(run, f"{number} {which}") for which in "ab"]
            for racer, version in zip(racers, pair, strict=True):
                racer.tell(version)
            said = [racer.hear() for racer in racers]
            winner = said.index("won")
            assert said[1 - winner].startswith("PromotionRefused: ")
            assert "came first" in said[1 - winner]
            standing = trusted_champion(run)  # registry and ledger say the same
            assert standing == pair[winner]
            assert (model_store.fetch(standing) / "model.safetensors").read_text() == f"policy {number} {'ab'[winner]}"
            won[winner] += 1
    finally:
        end.set()
        watcher.join()
    assert len(seen) > rounds
    assert None not in seen
    return won


def test_of_two_promotions_at_once_one_wins_and_the_other_says_why_not(run: Run, racers: list[Racer]) -> None:
    assert sum(race(run, racers, 5)) == 5
    assert run.ledger.verify().ok


@pytest.mark.slow
def test_in_fifty_rounds_of_two_racing_promotions_there_is_always_one_champion(
    run: Run, racers: list[Racer]
) -> None:
    assert sum(race(run, racers, 50)) == 50
    assert run.ledger.verify().ok


def refuses(folder: Path) -> None:
    raise PromotionRefused("the model answers the smoke prompt with nothing")


@pytest.mark.parametrize(
    ("proof", "stands", "last"), [(proves, "new", "promoted"), (refuses, "old", "promotion undone")])
def test_a_promotion_killed_between_swap_and_proof_is_ended_by_the_next_start(
    run: Run, tmp_path: Path, proof: Proof, stands: str, last: str
) -> None:
    old, new, note = trusted_champion(run), decided(run, "new"), tmp_path / "proving"
    assert old is not None
    racer = Racer(str(note))
    assert racer.hear() == "ready"
    racer.tell(new)
    assert wait_until(note.exists, 60)
    racer.kill()
    assert champion() == new.version
    assert run.ledger.entries()[-1].kind == "promoting"

    assert settle(desk(run.root), proof)

    assert trusted_champion(run) == {"old": old, "new": new}[stands]
    assert run.ledger.entries()[-1].kind == last
    assert not settle(desk(run.root), refuses)  # nothing is open any more
    assert run.ledger.verify().ok


@pytest.mark.slow
def test_a_kill_at_any_moment_leaves_the_old_or_the_new_champion_whole(run: Run) -> None:
    moments, outcomes = random.Random(7), set()
    for number in range(12):
        old, new = trusted_champion(run), decided(run, f"killed {number}")
        racer = Racer()
        assert racer.hear() == "ready"
        racer.tell(new)
        time.sleep(moments.uniform(0.0, 0.6))
        racer.kill()

        settle(desk(run.root), proves)

        standing = trusted_champion(run)
        assert standing in (old, new)
        model_store.fetch(standing)  # its bytes are those that were registered
        outcomes.add(standing == new)
    assert outcomes == {True, False}  # the kills came before and after the swap
    assert run.ledger.verify().ok
