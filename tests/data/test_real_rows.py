"""Real human data: what is in it is found, and the counts stay what they were when they were looked at."""

import pytest

from tasks.data.verdicts import check_path
from tests.data.rows_on_disk import settings

pytestmark = pytest.mark.real


@pytest.mark.parametrize(("name", "read", "accepted", "words"), [
    ("hh_harmless/train.jsonl.gz", 1853, 1843, ["34 rows have a role marker", "phone number"]),
    ("hh_harmless/test.jsonl.gz", 459, 456, ["10 rows have a role marker"]),
    ("convincing_arguments/train.jsonl.gz", 9800, 9800,
     ["140 rows repeat the texts of an earlier row under another id (duplicate)",
      "30 rows repeat an earlier row nearly (near duplicate: nearly the same words)", "22 rows contradict",
      "debate, file, gold, votes", "length bias"]),
    ("gsm8k/train.jsonl.gz", 7473, 7473, ["invisible"]),
    ("oasst_zh/pairs.jsonl.gz", 1809, 1802,
     ["654 rows bring earlier turns", "5 rows repeat the texts of an earlier row",
      "9 rows repeat an earlier row nearly (near duplicate: the same letters and digits)",
      "123 rows repeat an earlier row nearly (near duplicate: nearly the same words)"]),
])
def test_real_rows_are_read_and_their_faults_are_named(real_data, name, read, accepted, words):
    verdict = check_path(real_data / name, None, settings())
    assert (verdict.verdict, verdict.rows_read, verdict.rows_accepted) == ("accept", read, accepted)
    assert [word for word in words if not any(word in warning for warning in verdict.warnings)] == []


def test_the_given_split_of_hh_harmless_shares_no_prompt(real_data):
    verdict = check_path(real_data / "hh_harmless", None, settings())
    assert (verdict.verdict, verdict.rows_read, verdict.rows_accepted) == ("accept", 2312, 2299)
    assert not any("leak" in warning for warning in verdict.warnings)
