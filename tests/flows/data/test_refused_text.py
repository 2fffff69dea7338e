"""What a run refuses leaves its text nowhere: not in outputs, the state folder, databases or logs."""

import os
import subprocess
from pathlib import Path

import pytest

from tasks.contracts.errors import DataRefused
from tests.data.checks.test_policies import EMAIL, SECRET, places_of
from tests.data.rows_on_disk import preferences, write_rows
from tests.flows.laid_data import dvc_add, lay_data

STAGE = """\
stages:
  check_data:
    cmd: python -m tasks.check_data
    deps: [data]
    params: [data]
    outs: [build/checked, build/data_docs]
    metrics: [build/metrics/check_data.json: {cache: false}]
"""


@pytest.fixture
def spoilt(workspace: Path) -> Path:
    """A workspace whose data hold an e-mail address and a key, with settings that refuse both."""
    lay_data(workspace)
    rows: list = preferences(20)
    rows[0]["prompt"] += f" {EMAIL}"
    rows[1]["chosen"] += f" {SECRET}"
    rows[2]["annotator"] = EMAIL
    write_rows(workspace / "data/pairs.jsonl", rows)
    settings = workspace / "params.yaml"
    settings.write_text(settings.read_text().replace(
        "  minimum_rows: 10\n", "  minimum_rows: 10\n  personal_data: refuse\n  secrets: refuse\n"))
    (workspace / "dvc.yaml").write_text(STAGE)
    dvc_add(workspace)
    for command in (("add", "-A"), ("-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "data")):
        subprocess.run(["git", *command], cwd=workspace, check=True)
    return workspace


@pytest.mark.usefixtures("prefect_server")
def test_a_planted_secret_and_email_are_in_no_file_after_a_run_that_refused_them(
        spoilt: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from flows.retrain import retrain

    with pytest.raises(DataRefused):
        retrain()

    said = capfd.readouterr()
    state = [spoilt / ".hallmark", spoilt / "build", Path(os.environ["PREFECT_HOME"])]
    assert [path for folder in state for path in places_of(folder, EMAIL, SECRET)] == []
    assert [text for text in (EMAIL, SECRET) if text in said.out + said.err] == []
    report = (spoilt / "build/checked/report.json").read_text()
    assert "holds personal data or a secret: email address" in report  # the run did come that far
    assert places_of(spoilt / "data", EMAIL, SECRET) == [spoilt / "data/pairs.jsonl"]
