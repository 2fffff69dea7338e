"""Parquet: any number of processes gives the same rows and verdict, and each process holds little of a file."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.check_data import check_data
from tasks.contracts.reporting import Silent
from tasks.data import examination
from tasks.data.examination import Workplace, examine
from tasks.data.reading import blocks
from tasks.data.reading.blocks import Blocks
from tasks.data.reading.formats import read_rows
from tasks.data.reading.in_order import Processes
from tasks.data.reading.parquet_tables import BATCH_ROWS, parquet_tables
from tests.data.rows_on_disk import preferences, settings
from tests.test_check_data import params

NESTED = [{"messages": [{"role": "user", "content": f"Why {n}?"}, {"role": "assistant", "content": "So."}],
           "margin": n / 2, "asked": {"by": None if n % 3 else "ada", "tags": [] if n % 2 else None}, "id": f"r{n}",
           "votes": [("a", n)]} for n in range(600)]
TYPES = pa.schema([
    ("messages", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))), ("margin", pa.float64()),
    ("asked", pa.struct([("by", pa.string()), ("tags", pa.list_(pa.string()))])), ("id", pa.string()),
    ("votes", pa.map_(pa.string(), pa.int64()))])


def written(folder: Path, rows: list, **how: object) -> Path:
    folder.mkdir(exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), folder / "rows.parquet", **how)
    return folder / "rows.parquet"


def verdict_of(path: Path, folder: Path, cores: int) -> str:
    with Processes(cores) as processes:
        return examine(path, None, settings(), Workplace(folder / f"work{cores}", processes)).verdict.model_dump_json()


@pytest.fixture
def several(monkeypatch):
    """No file is too small for several processes."""
    monkeypatch.setattr(examination, "SMALL_BYTES", 0)
    monkeypatch.setattr(blocks, "BLOCK_ROWS", 300)


@pytest.mark.parametrize("group", [1, 100, 10_000])
def test_rows_come_as_they_are_whatever_their_nesting_and_the_row_groups(tmp_path, group):
    pq.write_table(pa.Table.from_pylist(NESTED, TYPES), tmp_path / "rows.parquet", row_group_size=group)
    found = list(read_rows(tmp_path / "rows.parquet"))
    assert [row.value for row in found] == NESTED
    assert [row.line for row in found] == list(range(1, 601))


def test_a_table_brings_the_texts_of_its_own_rows_alone(tmp_path):
    rows = preferences(20 * BATCH_ROWS)
    tables = list(parquet_tables(written(tmp_path, rows)))
    assert [table.count for table in tables] == [BATCH_ROWS] * 20
    assert sum(len(table.packed) for table in tables) < 2 * len(json.dumps(rows))


@pytest.mark.parametrize("group", [100, 1_000_000])
@pytest.mark.usefixtures("several")
def test_the_number_of_processes_changes_no_byte(tmp_path, monkeypatch, group):
    rows = preferences(900)
    rows[400]["chosen"] = rows[400]["rejected"]
    rows[899] = rows[3]
    made = []
    for threads in (1, 3):
        monkeypatch.chdir(written(tmp_path / f"{threads}", rows, row_group_size=group).parent)
        check_data(params({"path": "rows.parquet"}).model_copy(update={"threads": threads}), Silent())
        made.append({path.name: path.read_bytes() for path in Path("build/checked").iterdir() if path.is_file()})
    assert made[0] == made[1]
    assert len(made[0]["preferences.jsonl"].splitlines()) == 898


@pytest.mark.parametrize("column", [
    pa.array([b"fine"] * 1500 + [b"\xff\xfe"] * 10).view(pa.string()),
    pa.array([0] * 1509 + [1 << 60], pa.int64()).cast(pa.timestamp("us")),
], ids=["no UTF-8", "no date"])
@pytest.mark.usefixtures("several")
def test_a_value_that_is_none_refuses_the_file_for_any_number_of_processes(tmp_path, column):
    table = pa.Table.from_pylist(preferences(1510)).append_column("more", column)
    pq.write_table(table, tmp_path / "rows.parquet")
    one, three = (verdict_of(tmp_path / "rows.parquet", tmp_path, cores) for cores in (1, 3))
    assert one == three
    assert "not Parquet, or is damaged" in one
    assert json.loads(one)["rows_read"] == 1500 // BATCH_ROWS * BATCH_ROWS


def test_a_damaged_page_refuses_the_file_after_the_rows_before_it(tmp_path):
    path = written(tmp_path, preferences(3000), row_group_size=1000, compression="snappy", use_dictionary=False)
    data = bytearray(path.read_bytes())
    start = pq.ParquetFile(path).metadata.row_group(2).column(1).data_page_offset
    data[start:start + 400] = b"\xff" * 400
    path.write_bytes(data)
    read = Blocks(path)
    assert sum(table.count for block in read for table in block.tables) == 2000
    assert "not Parquet, or is damaged" in str(read.refusal)
