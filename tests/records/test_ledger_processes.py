"""The ledger under several processes and under SIGKILL."""

import random
import subprocess
import sys
import time
from pathlib import Path

from tasks.records.ledger import Ledger

WRITER = """
import sys
from pathlib import Path
from tasks.records.ledger import Ledger
ledger = Ledger(Path(sys.argv[1]))
print("ready", flush=True)
for number in range(int(sys.argv[2])):
    ledger.append("run started", sys.argv[3], {"number": number})
"""


def writer(home: Path, entries: int, name: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(home), str(entries), name], stdout=subprocess.PIPE, text=True)


def test_two_processes_that_append_at_once_from_the_first_use_keep_one_chain(tmp_path):
    processes = [writer(tmp_path, 20, name) for name in ("anna", "ben")]
    assert [process.wait(60) for process in processes] == [0, 0]
    ledger = Ledger(tmp_path)
    assert ledger.verify().ok
    for name in ("anna", "ben"):
        mine = [entry.payload["number"] for entry in ledger.entries() if entry.actor == name]
        assert mine == list(range(20))


def test_a_writer_killed_at_any_moment_leaves_a_chain_that_verifies(tmp_path):
    moments = random.Random(7)
    seen = 0
    for _ in range(20):
        process = writer(tmp_path, 10_000, "anna")
        assert process.stdout
        process.stdout.readline()
        time.sleep(moments.uniform(0, 0.15))
        process.kill()
        process.wait()
        verification = Ledger(tmp_path).verify()
        assert verification.ok, verification.broken
        assert verification.entries >= seen
        seen = verification.entries
    assert seen > 20
    Ledger(tmp_path).append("register", "anna", {})
    assert Ledger(tmp_path).verify().ok
