"""Work on several processes: answers in order, the same bytes whatever their number, and no hang when one dies."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tasks.check_data import check_data
from tasks.contracts.errors import StageBroke
from tasks.contracts.reporting import Silent
from tasks.data import checked, examination
from tasks.data.reading import blocks
from tasks.data.reading import pieces as pieces_of_files
from tasks.data.reading.in_order import AHEAD, Processes
from tasks.data.suites import measures
from tests.data.rows_on_disk import preferences, write_rows
from tests.test_check_data import params

REPOSITORY = Path(__file__).parents[3]


def slow_square(number: int) -> int:
    time.sleep(0.05 if number % 3 == 0 else 0)
    return number * number


def die_at_three(number: int) -> int:
    if number == 3:
        os._exit(9)
    return number


def fail_at_three(number: int) -> int:
    return number // (3 - number)


@pytest.mark.parametrize("cores", [1, 3])
def test_answers_come_in_the_order_of_the_pieces_and_few_pieces_are_held(cores):
    taken: list[int] = []
    with Processes(cores) as processes:
        answers = processes.map(slow_square, noting(taken))
        first = next(answers)
        assert len(taken) <= 1 + AHEAD * cores
        assert [first, *answers] == [number * number for number in range(20)]


def noting(taken: list[int]) -> Iterator[int]:
    for number in range(20):
        taken.append(number)
        yield number


def test_a_process_that_dies_is_one_clear_error_and_nothing_hangs():
    with Processes(2) as processes, pytest.raises(StageBroke, match="a process that was looking at rows died"):
        list(processes.map(die_at_three, range(10)))


def test_what_the_work_raises_is_passed_on():
    with Processes(2) as processes, pytest.raises(ZeroDivisionError):
        list(processes.map(fail_at_three, range(10)))


def test_little_work_starts_no_process():
    with Processes(3) as processes:
        assert set(processes.map(own_pid, range(5), alone=True)) == {os.getpid()}
        assert os.getpid() not in set(processes.map(own_pid, range(5)))


def own_pid(number: int) -> int:
    return os.getpid()


def test_processes_end_with_their_parent_however_it_ends(tmp_path):
    program = ("import time\nfrom tests.data.reading.test_in_order import Processes, own_pid\n"
               "if __name__ == '__main__':\n"
               "    with Processes(2) as processes:\n        print(*processes.map(own_pid, range(4)), flush=True)\n"
               "        time.sleep(60)\n")
    (tmp_path / "parent.py").write_text(program)
    parent = subprocess.Popen([sys.executable, str(tmp_path / "parent.py")], stdout=subprocess.PIPE, text=True,
                              env={**os.environ, "PYTHONPATH": str(REPOSITORY)})
    children = [psutil.Process(int(pid)) for pid in set((parent.stdout.readline() if parent.stdout else "").split())]
    assert children
    parent.kill()
    parent.wait()
    assert psutil.wait_procs(children, timeout=20)[1] == []


# --- the same report ---


@pytest.fixture
def many_blocks(monkeypatch):
    """Every file is large enough for several processes and has many blocks."""
    for module, name, value in ((pieces_of_files, "PIECE_BYTES", 3000), (blocks, "BLOCK_BYTES", 3000),
                                (examination, "SMALL_BYTES", 0), (measures, "SMALL_BYTES", 0),
                                (measures, "PIECE_BYTES", 3000)):
        monkeypatch.setattr(module, name, value)


def spoilt() -> list:
    rows: list = preferences(120)
    rows[10]["chosen"] = None
    rows[31]["id"] = rows[90]["id"]
    rows[50] = rows[3]
    rows[60] = b'{"prompt": "\xff"}'
    rows[70] = rows[71] | {"id": "against", "chosen": rows[71]["rejected"], "rejected": rows[71]["chosen"]}
    rows[80]["chosen"] += " Write to somebody@example.org."
    rows[99]["surprise"] = 1
    return rows


def written(folder: Path, monkeypatch: pytest.MonkeyPatch, threads: int) -> dict[str, bytes]:
    folder.mkdir()
    monkeypatch.chdir(folder)
    write_rows(Path("data/rows.jsonl"), spoilt())
    write_rows(Path("data/more.jsonl"), preferences(60, 100))
    settings = params({"path": "data/rows.jsonl"}, {"path": "data/more.jsonl"}, refused_share_at_most=0.1)
    check_data(settings.model_copy(update={"threads": threads}), Silent())
    return {path.relative_to("build").as_posix(): path.read_bytes()
            for path in Path("build").rglob("*") if path.is_file()}


def test_the_number_of_processes_changes_no_byte(tmp_path, monkeypatch, many_blocks):
    one, three = (written(tmp_path / str(threads), monkeypatch, threads) for threads in (1, 3))
    assert one == three
    assert {"checked/report.json", "checked/preferences.jsonl", "checked/origins.parquet"} <= one.keys()
    assert not [name for name in one if checked.SCRATCH in name]


def test_blocks_change_no_byte(tmp_path, monkeypatch, many_blocks):
    many = written(tmp_path / "many", monkeypatch, 1)
    monkeypatch.undo()
    assert {name: data for name, data in many.items() if name != "checked/origins.parquet"} == {
        name: data for name, data in written(tmp_path / "one", monkeypatch, 1).items()
        if name != "checked/origins.parquet"}  # one row group a block
