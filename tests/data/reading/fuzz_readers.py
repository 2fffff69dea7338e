"""Spoilt files of every format, for as long as wanted: `python -m tests.data.reading.fuzz_readers --minutes 30`.

Whole files of each format are cut, repeated, overwritten and spliced, and judged under the name of this or another
format. A finding is an exception, a verdict whose counts do not add up, one that takes more than --slow seconds of
processor, or one that is broken off after --seconds of them. The last line is one JSON object; what was found lies in
--keep, one file each, so that a test can be made of it. The name of a slow one tells its seconds.
"""

import argparse
import csv
import gzip
import hashlib
import io
import json
import random
import resource
import signal
import tarfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tasks.data.reading.formats import FORMATS
from tasks.data.verdicts import KINDS, check_path
from tests.data.rows_on_disk import demonstrations, preferences
from tests.data.rows_on_disk import settings as data_settings

EXAMPLES = 500  # of one call of hypothesis
KEPT = {"slow": 50}  # files of a finding; of others:
KEPT_OF_OTHERS = 3
BITS = [b"\x00", b"\xff", b'"', b"[", b"{", b"}", b"\n", b"\r\n", b",", b"\\ud800", b"\xed\xa0\x80", b"1e999", b"NaN",
        b"null", b"\xef\xbb\xbf", b"[" * 5000, b'{"a":' * 500, b"9" * 5000, b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd",
        b"\\u0301\\u0327" * 400, "\u0301\u0327".encode() * 400, b"\\uff9e\\u0301" * 400, b"[" + b"PLACEHOLDER" * 400,
        b"-eyJaaaaaaaa" * 400, b"-----BEGIN PRIVATE KEY-----" * 100, b"a@b." * 400, b"1 Aaaa " * 400, b"+1 (" * 400,
        b"::" * 400, b"\\n\\nuser " * 100, b"canary " * 400, b"0 12 3456 " * 400, b'","' * 900,
        b"PAR1", b"PK\x03\x04", b"\\n\\nHuman:", b'"prompt"', b"\t", b"=cmd|'", b"\xff\xff\xff\x7f", b"\xe2\x80\xae"]


class TookTooLong(Exception):
    """A verdict did not come in time."""


def honest() -> dict[str, bytes]:
    """A whole file of each format, by the end of its name."""
    rows: list[dict[str, object]] = [*preferences(12)]
    lines = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    chats = b"".join(json.dumps({"messages": [
        {"role": "user", "content": row["prompt"]},
        {"role": "assistant", "content": row["response"]}]}).encode() + b"\n"
        for row in demonstrations(12))
    transcripts = b"".join(json.dumps({side: f"\n\nHuman: {n}?\n\nAssistant: {side}" for side in ("chosen", "rejected")}
                                      ).encode() + b"\n" for n in range(12))
    found = {".jsonl": lines, ".jsonl.gz": gzip.compress(lines), ".chats.jsonl": chats, ".hh.jsonl": transcripts,
             ".json": json.dumps(rows).encode(), ".csv": _table(","), ".tsv": _table("\t"), ".parquet": _parquet(),
             ".txt": b"A passage.\n\nAnother one.\n" * 20, ".tar.gz": _archive(lines), ".dpo.csv": _table(";")}
    for ending in (".jsonl.zst", ".zst"):
        if ending in FORMATS:
            import zstandard

            found[ending] = zstandard.compress(lines)
    return found


def _table(delimiter: str) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(preferences(1)[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(preferences(12))
    return text.getvalue().encode()


def _parquet() -> bytes:
    data = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(preferences(12)), data)
    return data.getvalue()


def _archive(lines: bytes) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        member = tarfile.TarInfo("../rows.jsonl")
        member.size = len(lines)
        archive.addfile(member, io.BytesIO(lines))
    return data.getvalue()


HONEST = honest()
CHANGE = st.tuples(st.floats(0, 1), st.integers(0, 60), st.sampled_from(BITS) | st.binary(max_size=8),
                   st.integers(1, 50))


def spoilt(content: bytes, changes: list[tuple[float, int, bytes, int]]) -> bytes:
    """The bytes with each change made: at a place, so many bytes go, and something comes so many times."""
    for place, cut, inserted, times in changes:
        start = int(place * len(content))
        content = content[:start] + inserted * times + content[start + cut:]
    return content


class Fuzzing:
    """What was tried and found so far."""

    def __init__(self, seconds: float, slow: float, keep: Path) -> None:
        self._seconds, self._slow, self._keep = seconds, slow, keep
        self.executions, self.slowest = 0, 0.0
        self.findings: Counter[str] = Counter()
        signal.signal(signal.SIGPROF, _too_long)

    def judge(self, name: str, content: bytes, kind: str | None) -> None:
        """Give one file to the readers and note what should not be."""
        with TemporaryDirectory() as folder:
            path = Path(folder) / name
            path.write_bytes(content)
            started = time.process_time()
            signal.setitimer(signal.ITIMER_PROF, self._seconds)
            try:
                verdict = check_path(path, kind, data_settings())
                if verdict.rows_read != verdict.rows_accepted + len(verdict.rows_rejected):
                    self._note("counts do not add up", name, content)
                if (verdict.verdict == "refuse") != bool(verdict.error):
                    self._note("a refusal without a reason", name, content)
            except Exception as fault:  # noqa: BLE001 - whatever it is, it is what is looked for
                last = traceback.extract_tb(fault.__traceback__)[-1]
                self._note(f"{type(fault).__name__} at {Path(last.filename).name}:{last.lineno}", name, content)
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
            took = time.process_time() - started
            if took > self._seconds:  # an alarm that fell into a callback is swallowed
                self._note("took too long", name, content)
            if took > self._slow:
                self._note("slow", f"{took:.1f}s-{name}", content)
        self.executions += 1
        self.slowest = max(self.slowest, took)

    def _note(self, what: str, name: str, content: bytes) -> None:
        self.findings[what] += 1
        if self.findings[what] <= KEPT.get(what, KEPT_OF_OTHERS):
            self._keep.mkdir(parents=True, exist_ok=True)
            digest = hashlib.sha256(content).hexdigest()[:12]
            (self._keep / f"{what.partition(' ')[0]}-{digest}-{name}").write_bytes(content)

    def report(self) -> str:
        """All of it as JSON; the peak of memory is of this process, as the system counts it."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return json.dumps({"executions": self.executions, "findings": dict(self.findings),
                           "slowest_seconds": round(self.slowest, 2), "peak_mib": round(peak)})


def _too_long(_number: int, _frame: FrameType | None) -> None:
    raise TookTooLong


def rounds(fuzzing: Fuzzing, until: float, number: int) -> Callable[[], None]:
    """One call of hypothesis: EXAMPLES files, none once the time is over."""
    @seed(number)
    @settings(max_examples=EXAMPLES, deadline=None, database=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(sorted(HONEST)), st.none() | st.sampled_from(sorted({*HONEST, *FORMATS})),
           st.lists(CHANGE, max_size=6), st.none() | st.sampled_from(sorted(KINDS)), st.booleans())
    def one(ending: str, other: str | None, changes: list[tuple[float, int, bytes, int]], kind: str | None,
            packed: bool) -> None:
        if time.monotonic() < until:
            content = spoilt(HONEST[ending], changes)
            name = f"rows{other or ending}"
            if packed:
                content, name = gzip.compress(content, 1), f"rows{ending}.gz"
            fuzzing.judge(name, content, kind)
    return one


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seconds", type=float, default=10.0, help="of processor; a verdict takes no longer")
    parser.add_argument("--slow", type=float, default=2.0, help="of processor; a slower verdict's file is kept")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--keep", type=Path, default=Path("fuzz-findings"))
    asked = parser.parse_args()
    fuzzing = Fuzzing(asked.seconds, asked.slow, asked.keep)
    until, number = time.monotonic() + 60 * asked.minutes, asked.seed
    while time.monotonic() < until:
        rounds(fuzzing, until, number)()
        number += 1
        print(fuzzing.report(), flush=True)
    print(json.dumps({"seed": asked.seed, **json.loads(fuzzing.report())}))


if __name__ == "__main__":
    main()
