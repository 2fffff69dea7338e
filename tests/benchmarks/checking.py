"""How long checking takes and how much memory, at any number of rows: `python -m tests.benchmarks.checking --rows N`.

Writes N comparisons of about 1 KB, with duplicates, near duplicates, contradictions, shared ids and e-mail addresses
among them, and runs check_data on them in a process of its own. The last line is one JSON object: seconds, processor
seconds of all its processes, the peak of their memory together (resident, so that what they share counts for each), the
seconds of each part, those of Great Expectations alone, and what was planted and found.
"""

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil

ROOT = Path(__file__).parents[2]
SEED = 5
PHRASES = 200_000
BLOCK = 1000  # rows; in each block the same places are spoilt
SHARES_ID, TWIN, NEAR, AGAINST, MAIL = range(990, 995)  # places in a block; what they repeat stands before them
SAMPLE_SECONDS = 0.1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="with room for four times the rows; it is left as it was")
    parser.add_argument("--in-this-process", action="store_true", help="check data/rows.jsonl here")
    asked = parser.parse_args()
    if asked.in_this_process:
        print(json.dumps(checked(asked.threads)))
        return
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        size = write(Path(folder) / "data/rows.jsonl", asked.rows)
        found = measured(Path(folder), asked.threads)
    print(json.dumps({"rows": asked.rows, "bytes": size, "threads": asked.threads, **found,
                      "planted": asked.rows // BLOCK}))


# --- rows ---


def write(path: Path, count: int) -> int:
    """Write the rows as JSON Lines; return the bytes."""
    path.parent.mkdir(parents=True)
    with path.open("w", encoding="ascii") as file:
        for row in rows(count):
            file.write(json.dumps(row) + "\n")
    return path.stat().st_size


def rows(count: int) -> Iterator[dict[str, str]]:
    """The same rows at every call; one of each kind of fault in each block of BLOCK rows."""
    chance = random.Random(SEED)
    phrases = [" ".join(chance.choices(_words(chance), k=8)) for _ in range(PHRASES)]
    for start in range(0, count, BLOCK):
        block = [_row(start + place, chance, phrases) for place in range(min(BLOCK, count - start))]
        if len(block) == BLOCK:
            _spoil(block)
        yield from block


def _words(chance: random.Random, known: list[str] = []) -> list[str]:  # noqa: B006 - made once
    if not known:
        letters = "etaoinshrdlucmfwypvbgk"
        known += ["".join(chance.choices(letters, k=chance.randint(2, 8))) for _ in range(20_000)]
    return known


def _row(number: int, chance: random.Random, phrases: list[str]) -> dict[str, str]:
    texts = [". ".join(chance.choices(phrases, k=length)) for length in
             (chance.randint(3, 6), chance.randint(5, 10), chance.randint(5, 10))]
    return {"id": f"row-{number}", "prompt": f"{texts[0]}?", "chosen": f"{texts[1]}.", "rejected": f"{texts[2]}.",
            "annotator": f"a-{number % 50}"}


def _spoil(block: list[dict[str, str]]) -> None:
    block[SHARES_ID]["id"] = block[1]["id"]
    block[TWIN] = dict(block[2])
    same = {name: block[3][name] for name in ("prompt", "chosen")}
    block[NEAR] |= same | {"rejected": f"{block[3]['rejected']} Ok."}
    block[AGAINST] |= {"prompt": block[4]["prompt"], "chosen": block[4]["rejected"], "rejected": block[4]["chosen"]}
    block[MAIL]["chosen"] += " Write to somebody@example.org."


# --- measuring ---


def measured(folder: Path, threads: int) -> dict[str, Any]:
    """Run the check in a process of its own and watch the memory of all its processes."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.benchmarks.checking", "--in-this-process", "--threads", str(threads)]
    started = time.monotonic()
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
    peak = 0
    while process.poll() is None:
        peak = max(peak, resident(process.pid))
        time.sleep(SAMPLE_SECONDS)
    seconds = time.monotonic() - started
    said = process.stdout.read() if process.stdout else ""
    if process.returncode:
        raise SystemExit(f"the check ended with {process.returncode}")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"seconds": round(seconds, 1), "processor_seconds": round(used.ru_utime + used.ru_stime, 1),
            "peak_mib": peak >> 20, **json.loads(said.splitlines()[-1])}


def resident(pid: int) -> int:
    """Bytes of a process and all that it started."""
    total = 0
    try:
        parent = psutil.Process(pid)
        for process in (parent, *parent.children(recursive=True)):
            total += process.memory_info().rss
    except psutil.NoSuchProcess:  # it ended meanwhile
        pass
    return total


def checked(threads: int) -> dict[str, Any]:
    """Check data/rows.jsonl of this folder; return the seconds of each part and what was found."""
    from tasks import check_data
    from tasks.contracts.config import parse_params
    from tasks.contracts.reporting import Silent
    from tasks.data import checked as rooms
    from tasks.data import examination

    parts: dict[str, float] = {}
    for name, module, function in (
            ("read and look at rows", examination._Reading, "read"), ("find what repeats", examination, "judge"),
            ("find near duplicates and contradictions", examination._Reading, "_observed"),
            ("write rows", rooms, "write_rows"), ("digest of the file, beside the rest", rooms, "file_sha256"),
            ("leaks", check_data, "refusals"), ("read back and measure", check_data, "measure"),
            ("Great Expectations", check_data, "expect")):
        time_calls(parts, name, module, function)
    loop = {"epochs": 1.0}
    numbers = check_data.check_data(parse_params({
        "seed": 1, "device": "cpu", "threads": threads, "base": {}, "evaluate": {},
        "data": {"sources": [{"path": "data/rows.jsonl", "split": "train"}]},
        "tokens": {"prompt": 32, "response": 32, "vocabulary": 300}, "pretrain": loop, "sft": loop,
        "reward_model": loop, "reward": {"models": []}, "ppo": {"updates": 1}, "gates": {"rules": []}}), Silent())
    report = json.loads(Path("build/checked/report.json").read_text())
    return {"parts": {name: round(seconds, 1) for name, seconds in parts.items()}, "found": dict(numbers),
            "warnings": [warning.partition(" (line")[0] for warning in report["sources"][0]["warnings"]]}


def time_calls(parts: dict[str, float], name: str, module: ModuleType | type, function: str) -> None:
    """Add the seconds of each call of a function to a part."""
    called: Callable[..., Any] = getattr(module, function)

    @wraps(called)
    def timed(*arguments: Any, **named: Any) -> Any:
        started = time.monotonic()
        answer = called(*arguments, **named)
        answer = list(answer) if isinstance(answer, Iterator) else answer
        parts[name] = parts.get(name, 0.0) + time.monotonic() - started
        return answer

    setattr(module, function, timed)


if __name__ == "__main__":
    main()
