import threading
import time

import pytest
import torch

from tasks.models.workers import in_order, use_workers

CPU = torch.device("cpu")


@pytest.fixture
def two_workers():
    use_workers(2)
    yield
    use_workers(1)


def numbered(count, started):
    def job(number):
        started.append((number, threading.current_thread().name, torch.get_num_threads()))
        time.sleep(0.02 * (number % 2))
        return number

    return [lambda number=number: job(number) for number in range(count)]


def test_answers_come_in_the_order_of_the_jobs_whichever_ends_first(two_workers):
    assert list(in_order(numbered(9, []), CPU)) == list(range(9))


def test_two_jobs_run_side_by_side_each_on_one_thread_of_torch(two_workers):
    meeting = threading.Barrier(2)
    assert len(list(in_order([lambda: meeting.wait(timeout=30)] * 6, CPU))) == 6  # alone, each would wait in vain
    started: list[tuple[int, str, int]] = []
    list(in_order(numbered(4, started), CPU))
    assert {threads for *_, threads in started} == {1}


def test_one_worker_does_one_after_the_other_in_the_calling_thread():
    started: list[tuple[int, str, int]] = []
    assert list(in_order(numbered(3, started), CPU)) == [0, 1, 2]
    assert {name for _, name, _ in started} == {threading.current_thread().name}


def test_no_job_begins_long_before_it_is_wanted(two_workers):
    started: list[tuple[int, str, int]] = []
    answers = in_order(numbered(9, started), CPU)
    next(answers)
    time.sleep(0.1)
    assert len(started) <= 4
    answers.close()
    assert len(started) <= 4


def test_what_a_job_raises_is_raised_and_nothing_is_left_at_work(two_workers):
    ended = []

    def slow():
        time.sleep(0.1)
        ended.append(True)

    def bad():
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        list(in_order([bad, slow], CPU))
    assert ended == [True]


def test_a_gpu_gets_one_job_after_the_other(two_workers):
    started: list[tuple[int, str, int]] = []
    list(in_order(numbered(3, started), torch.device("cuda")))
    assert {name for _, name, _ in started} == {threading.current_thread().name}
