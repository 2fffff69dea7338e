"""The same rows give the same pages, whenever and in whichever process they are checked."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.data.preparing.batches import write_shard
from tasks.data.suites.data_docs import without_times
from tests.data.suites.test_expectations import checked

REPOSITORY = Path(__file__).parents[3]
CHECK = """
import sys
from pathlib import Path
from tasks.data.suites.expectations import expect
from tasks.data.reading.in_order import Processes
from tasks.data.suites.measures import measure
from tasks.data.checks.policies import Policies
from tests.data.rows_on_disk import settings
docs = Path("build/data_docs")
tables = measure({"preferences": Path(sys.argv[1])}, Path("build/measures.db"), Processes(1), Policies())
expect(tables, Path("build/measures.db"), settings(), docs)
"""


def docs_of(rows: Path, folder: Path, seed: str) -> dict[str, bytes]:
    folder.mkdir()
    subprocess.run([sys.executable, "-c", CHECK, str(rows)], check=True, cwd=folder,
                   env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(REPOSITORY)})
    docs = folder / "build/data_docs"
    return {path.relative_to(docs).as_posix(): path.read_bytes() for path in docs.rglob("*") if path.is_file()}


def test_two_processes_write_the_same_pages_and_other_rows_write_others(tmp_path):
    write_shard(tmp_path / "rows.jsonl", checked())
    write_shard(tmp_path / "more.jsonl", checked(31))

    first, second = (docs_of(tmp_path / "rows.jsonl", tmp_path / name, seed) for name, seed in (("a", "1"), ("b", "2")))
    other = docs_of(tmp_path / "more.jsonl", tmp_path / "c", "1")

    assert first == second
    changed = {name for name in first if first[name] != other.get(name)}
    assert "validations/preferences/checked/19700101T000000.000000Z/build-preferences.html" in changed


@pytest.mark.parametrize(("html", "kept"), [
    ('<img src="https://great-expectations-web-assets.s3.us-east-2.amazonaws.com/logo-long.png?d=20261121T192237.02Z">',
     '<img src="up/logo.png">'),
    ("loaded 20261121T192233.830002Z", "loaded not kept"),
    ("ran 1970-01-01T00:00:00Z", "ran time not kept"),
    ('href="text/19700101T000000.000000Z/build.html"', 'href="text/19700101T000000.000000Z/build.html"'),  # a file
    ("a-03312aa1-f45b-40db-8500-e0c1080d8946 b-4ea0df1b-1674-42df-bdc9-b4c86c7f5891", "a-id-1 b-id-2"),
    ("03312aa1-f45b-40db-8500-e0c1080d8946 03312aa1-f45b-40db-8500-e0c1080d8946", "id-1 id-1"),
    ("a digest " + "0123456789abcdef" * 4, "a digest " + "0123456789abcdef" * 4),
])
def test_times_and_random_ids_go_and_all_else_stays(html, kept):
    assert without_times(html, "up/logo.png") == kept
