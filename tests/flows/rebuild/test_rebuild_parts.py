"""The parts of a rebuild that need no workspace: how far files are apart, what a dvc.lock says, other packages."""

import hashlib
import json
import math
from importlib.metadata import version
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from flows.dvc_lock import changed_inputs, from_left_out, from_outside, in_order, maker, read_locks
from flows.rebuild.conditions import machine_changed, packages_changed, refuse_other_packages
from flows.rebuild.contents import Contents, digest_of
from flows.rebuild.differences import largest
from tasks.contracts.errors import Misused, Refused
from tasks.records.machine import machine


def apart(folder: Path, name: str, a: str, b: str) -> tuple[str, float]:
    (folder / "a").write_text(a)
    (folder / "b").write_text(b)
    found = largest(folder / "a", folder / "b", name)
    return found.text, found.amount


@pytest.mark.parametrize(("name", "a", "b", "text", "amount"), [
    # |a - b| / max(1, |a|): 0.002 of 1, and 2 of 1000
    ("m.json", '{"loss": 0.5}', '{"loss": 0.502}', "differs by at most 0.002 in value loss", 0.002),
    ("m.json", '{"rows": 1000}', '{"rows": 1002}', "differs by at most 2, 0.002 of the value, in value rows", 0.002),
    ("m.json", '{"a": [1, {"b": 2}], "c": 1}', '{"a": [1, {"b": 2.5}], "c": 1.1}',
     "differs by at most 0.5, 0.25 of the value, in value a[1].b", 0.25),
    ("m.json", '{"a": 1, "b": 2}', '{"b": 2,  "a": 1.0}', "differs in its layout alone, in no value", 0.0),
    ("m.json", '{"a": "secret row"}', '{"a": "secret now"}', "differs in value a", math.inf),  # texts are not shown
    ("m.json", '{"a": 1}', '{"b": 1}', "differs in value alone", math.inf),
    ("m.json", '{"a": NaN}', '{"a": 1}', "differs in value a: nan then, 1.0 now", math.inf),
    ("m.json", '{"a": true}', '{"a": 1}', "differs in value a", math.inf),
    ("r.jsonl", '{"x": 1}\n{"x": 2}\n', '{"x": 1}\n{"x": 4}\n',
     "differs by at most 2, 1 of the value, in value line 2.x", 1.0),
    ("p.csv", "step,loss\n1,0.5\n", "step,loss\n1,0.75\n", "differs by at most 0.25 in value row 2[1]", 0.25),
    ("p.csv", "step,loss\n1,0.5\n", "step,kl\n1,0.5\n", "differs in value row 1[1]", math.inf),
    ("m.json", "no json", "nor this", "differs in its bytes from 2 on", math.inf),
    ("page.html", "<p>1</p>", "<p>1</p>!", "differs in its bytes from 8 on", math.inf),
])
def test_files_are_apart_by_their_values_and_texts_are_never_shown(tmp_path, name, a, b, text, amount):
    said, found = apart(tmp_path, name, a, b)
    assert said == text
    assert found == pytest.approx(amount, rel=1e-12)


def tensors(folder: Path, name: str, **values: torch.Tensor) -> Path:
    save_file(values, folder / name)
    return folder / name


def test_tensors_are_apart_by_the_largest_difference_of_all(tmp_path):
    weights = torch.tensor([[1.0, 8.0], [0.25, -2.0]], dtype=torch.bfloat16)
    moved = weights.clone()
    moved[0, 1] = 8.5  # 0.5 of 8: 0.0625
    a = tensors(tmp_path, "a", bias=torch.zeros(2), weight=weights)

    found = largest(a, tensors(tmp_path, "b", bias=torch.tensor([0.0, 0.03125]), weight=moved), "m.safetensors")
    assert (found.text, found.amount) == ("differs by at most 0.5, 0.0625 of the value, in tensor weight", 0.0625)
    other = largest(a, tensors(tmp_path, "c", bias=torch.zeros(3), weight=weights), "m.safetensors")
    assert (other.text, other.amount) == (
        "differs in tensor bias: torch.float32[2] then, torch.float32[3] now", math.inf)
    gone = largest(a, tensors(tmp_path, "d", weight=weights), "m.safetensors")
    assert (gone.text, gone.amount) == ("differs in tensor bias, which one of the two lacks", math.inf)
    nan = largest(a, tensors(tmp_path, "e", bias=torch.tensor([0.0, math.nan]), weight=weights), "m.safetensors")
    assert nan.amount == math.inf


LOCK = """\
stages:
  evaluate:
    cmd: run evaluate
    deps: [{path: build/model, hash: md5, md5: m1.dir}, {path: code.py, hash: md5, md5: c1}]
    outs: [{path: build/evidence, hash: md5, md5: e1.dir}]
  train:
    cmd: run train
    deps: [{path: data, hash: md5, md5: d1.dir}, {path: code.py, hash: md5, md5: c1}]
    params: {params.yaml: {seed: 1, ppo: {clip: 0.2, updates: 45}}}
    outs: [{path: build/model, hash: md5, md5: m1.dir}]
"""


def test_a_lock_says_who_read_what_and_who_made_it():
    locks = read_locks(LOCK)

    assert in_order(locks, []) == ["train", "evaluate"]
    assert in_order(locks, ["evaluate"]) == ["evaluate"]
    assert maker(locks, "build/model") == "train"
    assert maker(locks, "data") is None
    assert from_outside(locks, ["train", "evaluate"]) == {"data": "d1.dir", "code.py": "c1"}
    assert from_outside(locks, ["evaluate"]) == {"code.py": "c1"}
    assert from_left_out(locks, ["evaluate"]) == {"build/model": "m1.dir"}
    assert from_left_out(locks, ["train", "evaluate"]) == {}
    assert read_locks("schema: '2.0'\n") == {}
    with pytest.raises(Misused, match="wanted one of evaluate, train"):
        in_order(locks, ["train", "pretrain"])


@pytest.mark.parametrize(("before", "after", "found"), [
    ("", "", []),
    ("md5: d1.dir", "md5: d2.dir", [("data", "its input data differs")]),
    ("clip: 0.2", "clip: 0.3", [("", "its setting ppo.clip is 0.3, and was 0.2")]),
    ("seed: 1, ", "", [("", "its setting seed is not set, and was 1")]),
    ("cmd: run train", "cmd: run faster", [("", "its command is `run faster`, and was `run train`")]),
])
def test_each_input_that_is_another_one_is_named(before, after, found):
    now = read_locks(LOCK.replace(before, after) if before else LOCK)
    assert list(changed_inputs(read_locks(LOCK)["train"], now["train"])) == found


def test_a_package_of_another_version_is_named_and_refused():
    installed = version("numpy")

    assert packages_changed(f"numpy=={installed}\nhallmark==0.0.0\npip==1\n") == []
    assert packages_changed(f"NumPy[extra]=={installed}\n") == []
    (changed,) = packages_changed("numpy==0.1\n")
    assert changed == f"numpy 0.1 then, {installed} now"
    assert packages_changed("no-such-thing==1\n") == ["no-such-thing 1 then, not installed now"]
    assert packages_changed(f"torch=={version('torch').partition('+')[0]}\n") == []  # any build of it
    assert packages_changed(f"torch=={version('torch').partition('+')[0]}+rocm\n") != []
    refuse_other_packages([])
    with pytest.raises(Refused, match="a and 1 more") as refusal:
        refuse_other_packages(["a", "a", "a", "a", "a", "b"])
    assert "--other-packages" in refusal.value.message()


def test_another_machine_is_named_once():
    now = machine()

    assert machine_changed(now) == []
    assert machine_changed({"python": "not recorded"}) == []
    assert machine_changed(now | {"python": "3.9.0"}) == [f"python 3.9.0 then, {now['python']} now"]
    moved = machine_changed(now | {"hardware": "Linux x86_64, 8086, 1 cores, no GPU", "processor": "8086, 1 cores"})
    assert moved == [f"hardware Linux x86_64, 8086, 1 cores, no GPU then, {now['hardware']} now"]


def test_bytes_are_found_by_their_digest_alone(tmp_path):
    (tmp_path / "data/deeper").mkdir(parents=True)
    (tmp_path / "data/deeper/b").write_text("b")
    (tmp_path / "data/a").write_text("a")
    md5 = {name: hashlib.md5(name.encode()).hexdigest() for name in "ab"}
    listing = json.dumps([{"md5": md5["a"], "relpath": "a"}, {"md5": md5["b"], "relpath": "deeper/b"}])
    digest = hashlib.md5(listing.encode()).hexdigest() + ".dir"
    assert digest_of(tmp_path / "data") == digest  # as DVC makes it

    contents, cache = Contents(tmp_path / "cache", tmp_path / "data"), tmp_path / "cache/files/md5"
    assert contents.files(digest) is None
    (cache / digest[:2]).mkdir(parents=True)
    (cache / digest[:2] / digest[2:]).write_text(listing)
    assert contents.files(digest) == {"a": md5["a"], "deeper/b": md5["b"]}
    assert contents.files("abc") == {"": "abc"}
    (cache / digest[:2] / digest[2:]).write_text(listing.replace("deeper", "deepest"))
    assert contents.files(digest) is None

    assert contents.file("a", md5["a"]) == tmp_path / "data/a"
    assert contents.file("a", md5["b"]) is None  # other bytes lie there
    kept = Contents(tmp_path / "cache", tmp_path, {"x": tmp_path / "data/deeper/b"})
    assert kept.file("x", md5["b"]) == tmp_path / "data/deeper/b"
