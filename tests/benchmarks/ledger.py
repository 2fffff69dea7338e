"""Time the verification of ledgers that grow: `python -m tests.benchmarks.ledger`. The last line is one JSON object.

Each size is measured on entries like those that a run writes (--runs times, the median counts), whole: table, form,
hash, signature, chain, heads and Merkle root. `entries_a_second` beside it shows how it grows.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tasks.records import table
from tasks.records.chain import GENESIS, make_entry
from tasks.records.heads import make_head, write_head
from tasks.records.ledger import Ledger
from tasks.records.merkle import Frontier
from tasks.records.signatures import load_or_make_key
from tasks.records.sqlite_table import SqlitePlace

FINDINGS = [{"metric": "kl_nats", "wanted": "at most 8", "found": 4.25, "low": 4.1, "high": 4.4, "samples": 256,
             "passed": True}, {"metric": "policy_vs_sft_win_rate", "wanted": "at least 0.5", "found": 0.71, "low": 0.66,
                               "high": 0.76, "samples": 256, "passed": True}]
KINDS = (("run started", {"commit": "ab" * 20, "dirty": False, "params": "cd" * 32, "dvc_lock": "ef" * 32}),
         ("decision", {"verdict": "promote", "candidate": "12" * 32, "findings": FINDINGS}),
         ("registered", {"name": "policy", "version": 7, "digest": "12" * 32, "bundle": "34" * 32}),
         ("promoted", {"name": "policy", "version": 7, "digest": "12" * 32, "previous": "56" * 32}),
         ("run finished", {"outcome": "promoted", "seconds": 93.25}))


def write_ledger(home: Path, entries: int) -> Ledger:
    """Write a ledger in one transaction, since each append by itself waits for the disk."""
    key, tree, parent = load_or_make_key(home), Frontier(), GENESIS
    ledger = Ledger(home)
    with SqlitePlace(ledger.path).opened(30) as database:
        database.prepare()
        database.begin()
        for index in range(entries):
            kind, said = KINDS[index % len(KINDS)]
            moment = f"2026-11-02T10:04:05.{index:06d}Z"
            entry = make_entry(index, moment, kind, "schedule", parent, {"run": f"r{index // 5}", **said}, key)
            table.insert(database, entry)
            parent, tree = entry.hash, tree.grown(bytes.fromhex(entry.hash))
        head = make_head(entry, tree, key)
        table.move_end(database, table.End(head, tree))
        database.end()
    write_head(ledger.head_path, head)
    return ledger


def seconds_of(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def cpu_seconds() -> float:
    """Of this process and those that it ended, on all cores: what other programs take away does not count."""
    return sum(os.times()[:4])


def measured(entries: int, runs: int) -> dict[str, float]:
    """Seconds to verify a whole ledger, to verify that it continues an older head, and to append one entry to it."""
    with tempfile.TemporaryDirectory() as folder:
        ledger = write_ledger(Path(folder), entries)
        since = ledger.signed_head()
        found = ledger.verify(since=since)
        assert found.ok, found
        assert found.entries == entries
        worked = cpu_seconds()
        verify = statistics.median(seconds_of(ledger.verify) for _ in range(runs))
        worked = (cpu_seconds() - worked) / runs
        append = statistics.median(
            seconds_of(lambda: ledger.append("run started", "schedule", {"run": "last"})) for _ in range(10))
        size = ledger.path.stat().st_size
    return {"entries": entries, "verify_seconds": round(verify, 3), "verify_cpu_seconds": round(worked, 3),
            "entries_a_second": round(entries / verify), "append_seconds": round(append, 5),
            "megabytes": round(size / 1e6, 1)}


def main() -> None:
    """Measure each size and print a line for it, then all of them as one JSON object."""
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--entries", type=int, nargs="*", default=[1_000, 10_000, 100_000])
    flags.add_argument("--runs", type=int, default=3)
    said = flags.parse_args()
    results = []
    for entries in said.entries:
        results.append(measured(entries, said.runs))
        print(results[-1], flush=True)
    print(json.dumps({"benchmark": "ledger", "cores": len(os.sched_getaffinity(0)), "runs": said.runs,
                      "results": results}))


if __name__ == "__main__":
    main()
