"""Evidence bundles."""

import json
import math
from pathlib import Path

import pytest

from tasks.contracts.canonical import sha256_hex
from tasks.contracts.errors import DigestMismatch
from tasks.contracts.evidence import Decision, Evidence, Finding, Metric
from tasks.contracts.gate_config import Rule
from tasks.records.bundle import Bundle, read_bundle, write_bundle
from tasks.records.digests import RunDigests
from tasks.records.signatures import load_or_make_key

RUN = RunDigests(commit="c0" * 20, dirty=False, diff_sha256=None, dvc_lock_sha256=None, params_sha256="aa" * 32,
                 constraints_sha256=None, hardware="a machine")


def bundle(home: Path, value: float = 0.8) -> Bundle:
    metric = Metric(name="kl_nats", value=value, low=0.7, high=math.inf, samples=4, measured_on="5e" * 32)
    finding = Finding(metric="kl_nats", wanted="value <= 10", found=None, low=0.7, high=None, samples=4, passed=False,
                      reason="the high of kl_nats is inf, no finite number")
    return write_bundle(
        home, load_or_make_key(home), evidence=Evidence(candidate="5e" * 32, metrics=(metric,)),
        decision=Decision(candidate="5e" * 32, verdict="refuse", findings=(finding,)),
        rules=[Rule(metric="kl_nats", at_most=10.0)], run=RUN, dvc_lock_sha256="dd" * 32,
        models={"policy": "5e" * 32}, manifest_roots={"prepare_data": "ee" * 32})


def test_a_bundle_is_named_by_its_bytes_and_the_same_evidence_makes_the_same(tmp_path):
    made = bundle(tmp_path)
    assert made.path == tmp_path / "bundles" / f"{made.digest}.json"
    assert sha256_hex(made.path.read_bytes()) == made.digest
    assert bundle(tmp_path) == made
    assert bundle(tmp_path, value=0.9) != made


def test_a_bundle_says_all_that_was_decided_on_even_what_json_has_no_number_for(tmp_path):
    made = bundle(tmp_path, value=math.nan)
    said = read_bundle(tmp_path, made.digest, load_or_make_key(tmp_path).public)
    assert said["evidence"] == {"candidate": "5e" * 32, "metrics": [{
        "name": "kl_nats", "value": "NaN", "low": 0.7, "high": "Infinity", "samples": 4, "measured_on": "5e" * 32}]}
    assert said["run_digest"] == RUN.digest
    assert said["models"] == {"policy": "5e" * 32}
    assert said["manifest_roots"] == {"prepare_data": "ee" * 32}
    assert said["dvc_lock_sha256"] == "dd" * 32
    assert set(said) >= {"decision", "rules", "run"}


def test_a_changed_missing_or_foreign_bundle_is_refused(tmp_path):
    made, trusted = bundle(tmp_path), load_or_make_key(tmp_path).public
    with pytest.raises(DigestMismatch, match="not signed"):
        read_bundle(tmp_path, made.digest, load_or_make_key(tmp_path / "other").public)
    with pytest.raises(DigestMismatch, match="cannot be read"):
        read_bundle(tmp_path, "00" * 32, trusted)
    signature = made.path.with_suffix(".sig")
    good = json.loads(signature.read_bytes())
    for forged in (b"", b"[]", json.dumps(good | {"signature": "00" * 64}).encode()):
        signature.write_bytes(forged)
        with pytest.raises(DigestMismatch):
            read_bundle(tmp_path, made.digest, trusted)
    signature.write_text(json.dumps(good))
    made.path.write_bytes(made.path.read_bytes().replace(b"refuse", b"promote"))
    with pytest.raises(DigestMismatch, match="was changed"):
        read_bundle(tmp_path, made.digest, trusted)
