"""Folders of splits, and checksums beside files."""

import hashlib
import json

import pytest

from tasks.data.verdicts import check_path
from tests.data.rows_on_disk import demonstrations, preferences, refusal, settings, write_rows


def folder_of(folder, **files):
    for name, rows in files.items():
        write_rows(folder / f"{name}.jsonl", rows)
    return folder


def test_disjoint_splits_are_accepted_and_their_counts_are_summed(tmp_path):
    found = check_path(folder_of(tmp_path, train=preferences(30), test=preferences(20, 100)), "splits", settings())
    assert (found.verdict, found.rows_read, found.rows_accepted, found.warnings) == ("accept", 50, 50, ())


@pytest.mark.parametrize("change", [str, str.upper, lambda text: text.replace(" ", "  ") + "\n",
                                    lambda text: text.replace("?", " ? !")])
def test_a_prompt_on_both_sides_refuses_the_folder(tmp_path, change):
    test = preferences(20, 100)
    for row, leaked in zip(test[10:15], preferences(5), strict=True):
        row["prompt"] = change(leaked["prompt"])
    found = check_path(folder_of(tmp_path, train=preferences(30), test=test), None, settings())
    assert found.verdict == "refuse"
    assert found.error == (
        "leak: 5 of 20 prompts of test.jsonl overlap with train.jsonl (lines 11, 12, 13, 14, 15 of test.jsonl)")


def test_validation_and_test_are_two_sides(tmp_path):
    folder = folder_of(tmp_path, train=preferences(30), valid=preferences(20, 100), test=preferences(20, 110))
    assert refusal(folder).startswith("leak: 10 of 20 prompts of test.jsonl overlap with valid.jsonl")


def test_files_of_one_side_may_share_prompts(tmp_path):
    same = [{"prompt": row["prompt"], "response": "Yes."} for row in preferences(20, 100)]
    folder = folder_of(tmp_path, train=preferences(30), prefs_test=preferences(20, 100), sft_test=same)
    assert refusal(folder) == ""


def test_prompts_that_differ_in_one_sign_are_no_leak(tmp_path):
    train = [{"prompt": f"What is {n} + 1?", "response": "a"} for n in range(20)]
    test = [{"prompt": f"What is {n} - 1?", "response": "a"} for n in range(20)]
    assert check_path(folder_of(tmp_path, train=train, test=test), None, settings()).verdict == "accept"


def test_a_leak_across_stages_is_found(tmp_path):
    sft = [{"prompt": row["prompt"], "response": "Yes."} for row in preferences(3, 100)] + demonstrations(20)
    folder = folder_of(tmp_path, prefs_train=preferences(30), prefs_test=preferences(20, 100), sft_train=sft)
    assert "3 of 20 prompts of prefs_test.jsonl overlap with sft_train.jsonl" in refusal(folder)


def test_the_same_file_twice_is_refused(tmp_path):
    folder = folder_of(tmp_path, train=preferences(30), train2=preferences(30))
    assert "train.jsonl and train2.jsonl are the same file" in refusal(folder)


def test_a_refused_file_refuses_its_folder_and_rows_name_their_file(tmp_path):
    train = preferences(30)
    train[4]["chosen"] = 1
    found = check_path(folder_of(tmp_path, train=train, test=[]), None, settings())
    assert found.error == f"{tmp_path / 'test.jsonl'}: is empty: no rows"
    assert [(row.line, row.reason) for row in found.rows_rejected] == [
        (5, "train.jsonl: chosen has the wrong type: an integer, wanted a string")]


def test_a_folder_without_data_is_refused(tmp_path):
    (tmp_path / "README.md").write_text("nothing")
    assert "no folder of splits" in refusal(tmp_path)


def test_a_stranger_in_the_folder_is_refused_by_name(tmp_path):
    folder = folder_of(tmp_path, train=preferences(30))
    (folder / "weights.pt").write_bytes(b"\x80\x04")
    assert "weights.pt: is of an unsupported format" in refusal(folder)


# --- checksums ---


def manifest(folder, path="data.jsonl", sha256=""):
    content = {"files": [{"path": path, "sha256": sha256, "rows": 30}]}
    (folder / "manifest.json").write_text(json.dumps(content))


def test_a_manifest_that_holds_is_accepted_and_a_changed_byte_is_not(tmp_path):
    path = write_rows(tmp_path / "data.jsonl", preferences(30))
    manifest(tmp_path, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    assert check_path(tmp_path, None, settings()).verdict == "accept"
    assert check_path(path, None, settings()).verdict == "accept"
    path.write_bytes(path.read_bytes().replace(b"row-3", b"row_3", 1))
    assert "sha256 mismatch" in refusal(tmp_path)
    assert "sha256 mismatch" in refusal(path)


def test_a_dvc_file_that_holds_is_accepted_and_a_changed_byte_is_not(tmp_path):
    path = write_rows(tmp_path / "data.jsonl", preferences(30))
    md5 = hashlib.md5(path.read_bytes()).hexdigest()
    (tmp_path / "data.jsonl.dvc").write_text(f"outs:\n- md5: {md5}\n  hash: md5\n  path: data.jsonl\n")
    assert check_path(path, None, settings()).verdict == "accept"
    path.write_bytes(path.read_bytes().replace(b"row-3", b"row_3", 1))
    assert "md5 mismatch" in refusal(path)


def test_a_manifest_that_promises_other_rows_is_refused(tmp_path):
    path = write_rows(tmp_path / "data.jsonl", preferences(29))
    manifest(tmp_path, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    assert "the number of rows is not the one of its manifest; wanted 30 rows, found 29" in refusal(path)


@pytest.mark.parametrize("name", ["../secret.jsonl", "/etc/passwd", "a/../../b.jsonl"])
def test_a_manifest_that_points_outside_is_refused(tmp_path, name):
    folder = folder_of(tmp_path, data=preferences(30))
    manifest(folder, path=name)
    assert "outside its folder" in refusal(folder)


def test_a_manifest_that_names_a_missing_file_is_refused(tmp_path):
    folder = folder_of(tmp_path, data=preferences(30))
    manifest(folder, path="other.jsonl")
    assert "names a file that is missing" in refusal(folder)


@pytest.mark.parametrize(("name", "content"), [
    ("manifest.json", "{"), ("manifest.json", "[" * 100_000),
    ("data.jsonl.dvc", "outs: 3"), ("data.jsonl.dvc", "a: [")])
def test_a_claim_that_cannot_be_read_is_refused(tmp_path, name, content):
    path = write_rows(tmp_path / "data.jsonl", preferences(30))
    (tmp_path / name).write_text(content)
    assert check_path(path, None, settings()).verdict == "refuse"
