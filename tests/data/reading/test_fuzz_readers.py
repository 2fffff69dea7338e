"""The fuzzer keeps what it should: a file that was slow, and none that was not."""

import gzip
import json
from pathlib import Path

import pytest

from tests.data.reading.fuzz_readers import HONEST, Fuzzing


@pytest.mark.parametrize(("slow", "kept"), [(0.0, 1), (60.0, 0)])
def test_a_file_that_took_longer_than_that_is_kept_whole(tmp_path, slow, kept):
    fuzzing = Fuzzing(seconds=60, slow=slow, keep=tmp_path)
    fuzzing.judge("rows.jsonl.gz", HONEST[".jsonl.gz"], None)
    files = list(Path(tmp_path).iterdir())
    assert len(files) == json.loads(fuzzing.report())["findings"].get("slow", 0) == kept
    assert [gzip.decompress(file.read_bytes()) for file in files] == [HONEST[".jsonl"]] * kept
    assert all(file.name.startswith("slow-") and file.name.endswith("s-rows.jsonl.gz") for file in files)
