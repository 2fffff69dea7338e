"""The doctor finds what is broken, and says the next step."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import torch

from flows.checks.installation import data, gpu, packages, product_is_right
from flows.checks.records import approvers, champion, clock, keys, ledger, telemetry
from flows.checks.scheduling import Server, environment, schedule, scheduling_server, wait_for
from flows.checks.services import limit, remotes, webhook
from flows.doctor import examine, finding
from flows.run import begin
from tasks.contracts.errors import PromotionRefused, ServiceUnreachable
from tasks.contracts.places import home
from tests.flows.hands import people
from tests.flows.telling.receiving import inbox


@pytest.fixture
def pinned(workspace: Path) -> Path:
    """A workspace with one pin, at the version that is installed."""
    from importlib.metadata import version

    (workspace / "infra").mkdir()
    (workspace / "infra/constraints.txt").write_text(f"# pins\nrich=={version('rich')}\nnot-installed==1.0\n")
    for source in ("text", "demonstrations", "preferences", "preferences_heldout", "prompts_heldout"):
        (workspace / f"data/{source}.jsonl.gz").touch()
    return workspace


@pytest.mark.usefixtures("prefect_server")
def test_a_sound_installation_passes_every_check(pinned: Path) -> None:
    begin(pinned, force=False)
    people(pinned, "ann")

    findings = examine(pinned)

    assert [finding.name for finding in findings if not finding.ok] == []
    assert {"packages", "ledger", "keys", "clock", "telemetry", "prefect", "mlflow", "schedule", "limit", "remotes",
            "gpu", "webhook"} <= {one.name for one in findings}


def test_a_promotion_that_was_killed_is_ended_and_a_champion_past_the_ledger_is_found(pinned: Path) -> None:
    from tasks.records import registry

    run = begin(pinned, force=False)
    (pinned / "one").mkdir()
    (pinned / "one/model.safetensors").write_text("one")
    version = registry.register(pinned / "one", "policy", None)
    run.record("promoting", name="policy", version=version.version, digest=version.digest, expected=None)

    ok, found, _ = champion(pinned)
    assert (ok, found) == (
        True, "a promotion that was killed has been ended; nobody yet, as registry and ledger say")
    assert run.ledger.entries()[-1].kind == "promotion undone"

    registry.swap_alias("policy", "champion", None, version.version)
    with pytest.raises(PromotionRefused, match="past the ledger"):  # `examine` makes a failed finding of it
        champion(pinned)


def test_too_few_approvers_for_what_a_promotion_wants_are_found(pinned: Path) -> None:
    assert approvers(pinned)[:2] == (False, "0 on the committed list, a promotion wants 1")  # the toy's settings

    people(pinned, "ann")

    assert approvers(pinned)[:2] == (True, "1 on the committed list, a promotion wants 1")


def test_another_version_of_a_package_is_named(pinned: Path) -> None:
    (pinned / "infra/constraints.txt").write_text("rich==0.0.1\n")

    ok, found, _ = packages(pinned)

    assert not ok
    assert "tested 0.0.1" in found


@pytest.mark.parametrize(("place", "mode"), [("ledger.pem", 0o644), ("ledger.pem", 0o660), (".", 0o777)])
def test_a_key_that_others_may_read_or_replace_is_found(pinned: Path, place: str, mode: int) -> None:
    begin(pinned, force=False)
    assert keys(pinned)[0]

    (home() / "keys" / place).chmod(mode)

    ok, found, _ = keys(pinned)
    assert not ok
    assert f"has mode {mode:03o}" in found


def test_a_key_of_another_user_is_found(pinned: Path) -> None:
    begin(pinned, force=False)

    ok, found, _ = keys(pinned, owner=lambda: os.geteuid() + 1)

    assert not ok
    assert f"ledger.pem belongs to user {os.geteuid()}" in found


def test_a_clock_before_the_last_entry_is_found(pinned: Path) -> None:
    begin(pinned, force=False)
    assert clock(pinned)[0]

    ok, found, _ = clock(pinned, wall=lambda: time.time() - 120)

    assert not ok
    assert "120 s behind the last commit and ledger entry" in found


@pytest.mark.parametrize("ahead", [5.0, -5.0])
def test_a_clock_apart_from_the_file_systems_is_found(pinned: Path, ahead: float) -> None:
    ok, found, _ = clock(pinned, wall=lambda: time.time() + ahead)

    assert (ok, found) == (False, "5.0 s from the file system's")


def test_a_clock_that_jumps_is_found(pinned: Path) -> None:
    said = clock(pinned, steady=lambda: time.monotonic() * 10)  # as if 2 s had passed

    assert not said[0]
    assert "it moved 1.8 s while 0.2 s passed" in said[1]


def test_telemetry_that_somebody_switched_on_is_found(pinned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert telemetry(pinned)[0]

    monkeypatch.setenv("DVC_NO_ANALYTICS", "0")

    ok, found, _ = telemetry(pinned)
    assert (ok, found) == (False, "on: DVC_NO_ANALYTICS")


def test_a_source_that_is_missing_is_named(pinned: Path) -> None:
    assert data(pinned)[0]

    (pinned / "data/text.jsonl.gz").unlink()

    assert data(pinned)[:2] == (False, "missing: data/text.jsonl.gz")


def test_a_broken_ledger_is_found_and_a_check_that_breaks_off_is_a_finding(pinned: Path) -> None:
    begin(pinned, force=False)
    (home() / "ledger.db").write_bytes(b"no database")

    assert not ledger(pinned)[0]


def test_a_check_says_how_long_it_took_and_one_that_breaks_off_is_a_finding(pinned: Path) -> None:
    def slow(root: Path) -> tuple[bool, str, str]:
        time.sleep(0.05)
        raise ZeroDivisionError("one over nothing")

    found = finding("slow", slow, pinned)

    assert (found.ok, found.found) == (False, "ZeroDivisionError: one over nothing")
    assert 0.05 <= found.seconds < 1


def dvc(root: Path, *words: str) -> None:
    subprocess.run([sys.executable, "-m", "dvc", *words], cwd=root, check=True, capture_output=True)


@pytest.mark.parametrize("moved", [False, True])
def test_remotes_that_can_be_used_are_named_and_the_one_in_our_state_is_made(
    pinned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moved: bool
) -> None:
    if moved:
        monkeypatch.setenv("HALLMARK_HOME", str(tmp_path / "elsewhere"))
    assert remotes(pinned)[:2] == (True, "none is configured")
    (tmp_path / "seed").mkdir()
    dvc(pinned, "remote", "add", "-d", "seed", str(tmp_path / "seed"))
    dvc(pinned, "remote", "add", "store", ".hallmark/store")

    assert remotes(pinned)[:2] == (True, "reached seed, store")
    assert (pinned / ".hallmark/store").is_dir()


@pytest.mark.parametrize(("url", "said"), [
    ("../gone", "is no folder"), ("params.yaml", "is no folder"), ("/proc", "Error"),
    ("s3://bucket/folder", "Error")])
def test_a_remote_that_is_gone_or_takes_nothing_is_found(
    pinned: Path, monkeypatch: pytest.MonkeyPatch, url: str, said: str
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    dvc(pinned, "remote", "add", "-d", "store", url)
    if url.startswith("s3:"):
        dvc(pinned, "remote", "modify", "store", "endpointurl", "http://127.0.0.1:9")

    ok, found, _ = remotes(pinned)

    assert not ok
    assert found.startswith("store: ")
    assert said in found


def test_a_remote_that_one_may_read_but_not_write_is_enough_to_fetch_from(pinned: Path) -> None:
    dvc(pinned, "remote", "add", "-d", "seed", "/proc")

    assert remotes(pinned)[:2] == (True, "reached seed")


@pytest.mark.parametrize(("device", "said"), [
    ("cpu", "none wanted: device is cpu"), ("auto", "none in this machine; runs use the CPU")])
def test_no_gpu_is_no_fault_where_none_is_asked_for(
    pinned: Path, monkeypatch: pytest.MonkeyPatch, device: str, said: str
) -> None:
    monkeypatch.setattr("flows.workspace.has_accelerator", lambda: False)
    set_device(pinned, device)

    assert gpu(pinned)[:2] == (True, said)


def test_a_gpu_that_is_asked_for_and_not_there_is_found(pinned: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    set_device(pinned, "cuda")

    assert gpu(pinned)[:2] == (False, "torch finds none")


@pytest.mark.gpu
def test_a_gpu_that_is_there_multiplies_rightly(pinned: Path) -> None:
    set_device(pinned, "cuda")

    ok, found, _ = gpu(pinned)

    assert ok
    assert found.endswith("a matrix product is right in float32 and bfloat16")


def set_device(root: Path, device: str) -> None:
    text = (root / "params.yaml").read_text()
    (root / "params.yaml").write_text(text.replace("device: auto", f"device: {device}", 1))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_right_product_is_right_in_each_precision_and_a_wrong_one_is_not(
    monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype
) -> None:
    assert product_is_right(torch.device("cpu"), dtype)

    right = torch.Tensor.__matmul__

    def off_by_one(left: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        product = right(left, other)
        if left.dtype == dtype:
            product[0, 0] += 1
        return product

    monkeypatch.setattr(torch.Tensor, "__matmul__", off_by_one)
    assert not product_is_right(torch.device("cpu"), dtype)


def test_who_is_notified_takes_a_test_message_or_is_a_finding(pinned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert webhook(pinned)[:2] == (True, "nobody is notified: HALLMARK_WEBHOOK is not set")

    with inbox() as box:
        monkeypatch.setenv("HALLMARK_WEBHOOK", box.url)
        ok, found, _ = webhook(pinned)
    assert ok
    assert found.startswith("127.0.0.1: took a test message, which verifies with whpk_")
    assert [one["type"] for one in box.messages] == ["test"]

    assert webhook(pinned)[:2] == (False, "127.0.0.1: Connection refused")  # it is down now


@pytest.fixture(scope="module")
def real_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a scheduler, as the doctor starts one where none is configured."""
    root = tmp_path_factory.mktemp("server")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HALLMARK_HOME", str(root / ".hallmark"))
        with scheduling_server(root) as server:
            wait_for(server)
            yield server


def deployments(server: Server) -> int:
    from flows.checks.probe import client_of

    with client_of(server.url) as client:
        return len(client.read_deployments())


def test_a_cron_time_becomes_a_run_by_the_schedulers_hand_and_nothing_is_left(real_server: Server) -> None:
    ok, found, _ = schedule(real_server)

    assert ok
    next_minutes = [f"{datetime.now(UTC) + timedelta(minutes=ahead):%H:%M}" for ahead in (0, 1)]
    assert found in [f"a temporary server scheduled a run for {due} UTC from a cron time, by itself"
                     for due in next_minutes]
    assert deployments(real_server) == 0


def test_a_server_whose_scheduler_is_off_makes_no_run_and_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HALLMARK_HOME", str(tmp_path / ".hallmark"))
    monkeypatch.setattr("flows.checks.scheduling.environment", lambda folder: environment(folder) | {
        "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false"})

    with scheduling_server(tmp_path) as server:
        ok, found, _ = schedule(server, seconds=8)

        assert not ok
        assert found == "a temporary server made no run of a cron time in 8 s"
        assert deployments(server) == 0


def test_a_server_that_ended_is_found_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALLMARK_HOME", str(tmp_path / ".hallmark"))
    began = time.monotonic()

    with scheduling_server(tmp_path) as server:
        server.process.kill()
        server.process.wait()
        with pytest.raises(ServiceUnreachable):
            schedule(server)

    assert time.monotonic() - began < 10


def test_the_limit_must_be_there_be_active_and_have_one_slot(
    pinned: Path, real_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate, GlobalConcurrencyLimitUpdate

    from flows.checks.probe import client_of

    assert limit(pinned)[:2] == (True, "not scheduled here")  # no server is configured
    monkeypatch.setenv("PREFECT_API_URL", real_server.url)
    assert limit(pinned)[:2] == (True, "not scheduled here")  # that server serves no retraining

    with client_of(real_server.url) as client:
        deployment = client.create_deployment(client.create_flow_from_name("retrain"), "toy")
        assert limit(pinned)[:2] == (False, "hallmark-gpu is missing")

        client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name="hallmark-gpu", limit=1, active=True))
        assert limit(pinned)[:2] == (True, "hallmark-gpu has 1 slot(s) and is active")
        for wrong in (GlobalConcurrencyLimitUpdate(active=False), GlobalConcurrencyLimitUpdate(active=True, limit=2)):
            client.update_global_concurrency_limit("hallmark-gpu", wrong)
            assert not limit(pinned)[0]

        client.delete_global_concurrency_limit_by_name("hallmark-gpu")
        client.delete_deployment(deployment)
