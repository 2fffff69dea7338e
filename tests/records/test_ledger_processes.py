"""The ledger under several processes and under SIGKILL."""

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tasks.records.ledger import Ledger
from tasks.records.signatures import load_or_make_key
from tests.records.postgres import cluster
from tests.records.worlds import database_of

WRITER = """
import sys
from pathlib import Path
from tasks.records.ledger import Ledger
ledger = Ledger(Path(sys.argv[1]), url=sys.argv[4] or None)
print("ready", flush=True)
for number in range(int(sys.argv[2])):
    print(ledger.append("run started", sys.argv[3], {"number": number}).index, flush=True)
"""
ROTATOR = """
import sys
from pathlib import Path
from tasks.records.ledger import Ledger
ledger = Ledger(Path(sys.argv[1]))
print("ready", flush=True)
while True:
    ledger.rotate_key("anna")
"""
MOMENTS = 30


@contextmanager
def running(program: str, *words: object) -> "Iterator[subprocess.Popen[bytes]]":
    """A process that said that it is ready; it is killed in the end, whatever comes."""
    process = subprocess.Popen(
        [sys.executable, "-c", program, *map(str, words)], bufsize=0, stdout=subprocess.PIPE)  # reads no byte too far
    try:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def killed(process: "subprocess.Popen[bytes]") -> list[int]:
    """Kill a writer and return the indices that it had said to be written, in whole lines."""
    process.kill()
    assert process.stdout
    return [int(line) for line in process.stdout.read().split(b"\n")[:-1]]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Of a database of its own; empty for a file of SQLite."""
    if request.param == "sqlite":
        yield ""
        return
    with cluster() as server, database_of(server) as (found, _):
        yield found


def test_two_processes_that_append_at_once_from_the_first_use_keep_one_chain(tmp_path, url):
    with running(WRITER, tmp_path, 20, "anna", url) as one, running(WRITER, tmp_path, 20, "ben", url) as other:
        assert [one.wait(60), other.wait(60)] == [0, 0]
    ledger = Ledger(tmp_path, url=url)
    assert ledger.verify().ok
    for name in ("anna", "ben"):
        mine = [entry.payload["number"] for entry in ledger.entries() if entry.actor == name]
        assert mine == list(range(20))


def test_two_hosts_that_share_a_key_and_a_database_keep_one_chain(tmp_path):
    load_or_make_key(tmp_path / "here")
    (tmp_path / "there" / "keys").mkdir(parents=True)
    for path in (tmp_path / "here" / "keys").iterdir():
        (tmp_path / "there" / "keys" / path.name).write_bytes(path.read_bytes())
    with cluster() as server, database_of(server) as (url, _):
        with (running(WRITER, tmp_path / "here", 20, "here", url) as one,
              running(WRITER, tmp_path / "there", 20, "there", url) as other):
            assert [one.wait(60), other.wait(60)] == [0, 0]
        for name in ("here", "there"):
            ledger = Ledger(tmp_path / name, url=url)
            assert ledger.verify().ok
            assert [entry.payload["number"] for entry in ledger.entries() if entry.actor == name] == list(range(20))


def test_two_writers_killed_at_thirty_moments_leave_a_chain_that_verifies_and_lose_nothing_they_said(tmp_path, url):
    moments, said, kills = random.Random(7), set[int](), 0
    ledger = Ledger(tmp_path, url=url)
    while kills < MOMENTS or len(said) <= MOMENTS:  # where the machine is busy, until they wrote enough between kills
        kills += 1
        with running(WRITER, tmp_path, 1000, "anna", url) as one, running(WRITER, tmp_path, 1000, "ben", url) as other:
            time.sleep(moments.uniform(0, 0.15))
            said.update(killed(one) + killed(other))
        verification = ledger.verify()
        assert verification.ok, verification.broken
        assert said <= set(range(verification.entries))
    assert verification.entries <= len(said) + 2 * kills  # one of each writer may be written and not yet said
    ledger.append("register", "anna", {})
    assert ledger.verify().ok


def test_a_rotation_killed_at_any_moment_leaves_one_key_that_goes_on(tmp_path):
    moments, ledger = random.Random(11), Ledger(tmp_path)
    ledger.append("register", "anna", {})
    for _ in range(10):
        with running(ROTATOR, tmp_path):
            time.sleep(moments.uniform(0, 0.3))
        assert ledger.verify().ok
        ledger.append("register", "anna", {})
        assert ledger.verify().ok
    assert len(ledger.keys().all) > 3
