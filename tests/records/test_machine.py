"""What a run computes on, with a real nvidia-smi that is a script, and without one."""

import os
import platform
import sys
from pathlib import Path

import pytest

from tasks.contracts.canonical import sha256_hex
from tasks.records.digests import RunDigests, run_digests
from tasks.records.machine import cuda_of_torch, gpus, installed_packages, machine


def smi(folder: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    """Put a program of this name first on the path."""
    script = folder / "nvidia-smi"
    script.write_text(f"#!/bin/sh\n{body}\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def torch_of(folder: Path, monkeypatch: pytest.MonkeyPatch, cuda: str) -> None:
    """Have another torch found first; it is never imported."""
    (folder / "torch").mkdir()
    (folder / "torch/__init__.py").write_text("raise RuntimeError('it must not be imported')")
    (folder / "torch/version.py").write_text(f"from typing import Optional\ncuda: Optional[str] = {cuda}\nhip = '1'\n")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "torch", raising=False)


def test_gpu_driver_and_cuda_are_named_where_there_is_a_gpu(tmp_path, monkeypatch):
    smi(tmp_path, monkeypatch, "echo 'NVIDIA H200, 570.1'; echo 'NVIDIA H200, 570.1'")
    torch_of(tmp_path, monkeypatch, "'12.8'")
    found = machine()
    assert (found["gpu"], found["driver"], found["cuda"]) == ("NVIDIA H200; NVIDIA H200", "570.1", "12.8")
    assert found["hardware"].endswith("cores, NVIDIA H200, 570.1; NVIDIA H200, 570.1")
    assert found["python"] == platform.python_version()


def test_a_torch_without_cuda_says_none_though_there_is_a_gpu(tmp_path, monkeypatch):
    smi(tmp_path, monkeypatch, "echo 'NVIDIA H200, 570.1'")
    torch_of(tmp_path, monkeypatch, "None")
    assert cuda_of_torch() is None
    assert machine()["cuda"] == "none"


@pytest.mark.parametrize("body", ["exit 9", "echo"])
def test_a_machine_without_a_gpu_says_none(tmp_path, monkeypatch, body):
    smi(tmp_path, monkeypatch, body)
    torch_of(tmp_path, monkeypatch, "'12.8'")
    found = machine()
    assert [found[key] for key in ("gpu", "driver", "cuda")] == ["none"] * 3
    assert found["hardware"].endswith("no GPU")
    assert gpus() == []


def test_installed_packages_are_listed_by_their_normal_names_and_kept_by_digest(tmp_path, repository):
    listed = installed_packages().splitlines()
    assert listed == sorted(listed)
    assert any(line.startswith("great-expectations==") for line in listed)
    digests = run_digests(repository, keep_packages_in=tmp_path / "files")
    (kept,) = (tmp_path / "files").iterdir()
    assert kept.name == digests.packages_sha256 == sha256_hex(kept.read_bytes())


def test_digests_of_an_earlier_release_say_that_it_was_not_recorded():
    old = RunDigests(commit="c0" * 20, dirty=False, diff_sha256=None, dvc_lock_sha256=None, params_sha256="aa" * 32,
                     constraints_sha256=None, hardware="a machine")
    assert {old.python, old.processor, old.gpu, old.driver, old.cuda} == {"not recorded"}
    assert old.packages_sha256 is None
