"""The same flow on real human data, a small model from scratch, to a gate decision; a refusal is a fine outcome."""

import json
import shutil
from pathlib import Path

import pytest

from tests.workspaces import commit, copy_of, hallmark

pytestmark = [pytest.mark.slow, pytest.mark.real, pytest.mark.timeout(3600)]

SETS = {  # settings -> the workspace's file and where it comes from
    "hh_harmless": {"train.jsonl.gz": "hh_harmless/train.jsonl.gz", "test.jsonl.gz": "hh_harmless/test.jsonl.gz"},
    "convincing_arguments": {"train.jsonl.gz": "convincing_arguments/train.jsonl.gz"},
    "gsm8k": {"demonstrations.jsonl.gz": "gsm8k/train.jsonl.gz",
              "preferences.jsonl.gz": "convincing_arguments/train.jsonl.gz"},
}


@pytest.mark.parametrize("name", SETS)
def test_a_retraining_on_real_data_ends_in_a_decision(name: str, tmp_path: Path, repository: Path, real_data: Path):
    root = copy_of(repository, tmp_path / "workspace", repository / f"tests/confs/valid/{name}.yaml")
    (root / "data").mkdir()
    for file, source in SETS[name].items():
        shutil.copyfile(real_data / source, root / "data" / file)
    commit(root)

    said = hallmark(root, "retrain", expect=None)

    print(said.stdout)
    report = json.loads((root / "build/checked/report.json").read_text())
    print(json.dumps(report["sources"], indent=1)[:4000])
    print((root / "build/metrics/evaluate.json").read_text())
    assert said.returncode in (0, 1), said.stderr
    status = json.loads(hallmark(root, "status", "--json").stdout)
    assert status["last_run"]["outcome"] in ("promoted", "refused")
    for source in report["sources"]:
        assert source["rows_read"] == source["rows_accepted"] + len(source["rows_rejected"])
