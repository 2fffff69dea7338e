import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest


@pytest.mark.parametrize("kills", [8, pytest.param(40, marks=[pytest.mark.slow, pytest.mark.timeout(1200)])])
def test_a_stage_killed_at_any_moment_ends_with_the_bytes_of_one_that_never_was(tmp_path, repository: Path, kills):
    said = subprocess.run(
        [sys.executable, "-m", "tests.training.killed", str(tmp_path), str(kills), "1"], cwd=repository, check=True,
        capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})

    runs = [json.loads(line) for line in said.stdout.splitlines()]
    whole = {run["stage"]: run["digest"] for run in runs[:4]}
    moments = Counter(moment for run in runs for moment in run["moments"])
    print(f"{kills} runs killed {sum(moments.values())} times: {dict(moments)}")
    assert len(runs) == 4 + kills
    assert len(set(whole.values())) == 4
    assert [run["digest"] for run in runs] == [whole[run["stage"]] for run in runs]
    assert moments["training"] + moments["saving"] >= kills / 2  # the others came too early or too late
