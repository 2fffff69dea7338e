"""Canonical JSON and the digests that name rows, files and models."""

import hashlib
import math
import os
from pathlib import Path

import pytest

from tasks.contracts.canonical import canonical_json, file_sha256, folder_digest, row_id, sha256_hex
from tasks.contracts.errors import Refused

# printf '{"prompt":"hi","response":"\xc3\xa9"}' | sha256sum
ROW = {"response": "\u00e9", "prompt": "hi"}
ROW_ID = "7b2c67b72fc6df0c6e489c0cf330b47229049814b5e95b368d4d6eb9c81a597a"


def test_keys_are_sorted_by_utf16_and_no_space_is_left():
    # RFC 8785, section 3.2.3: U+1F600 is the surrogates D83D DE00, which come before U+FF21
    value = {"\uff21": 1, "\U0001f600": 2, "b": [True, None, "x"], "a": 3}
    assert canonical_json(value) == '{"a":3,"b":[true,null,"x"],"\U0001f600":2,"\uff21":1}'.encode()


@pytest.mark.parametrize(("number", "text"), [
    (1.0, b"1"), (-0.0, b"0"), (1e21, b"1e+21"), (1e-7, b"1e-7"), (0.1 + 0.2, b"0.30000000000000004"),
    (2**53 - 1, b"9007199254740991"),
])
def test_numbers_are_written_as_ecmascript_does(number, text):
    assert canonical_json(number) == text


def test_text_and_keys_are_composed_first():
    decomposed = {"e\u0301": ["e\u0301"]}
    assert canonical_json(decomposed) == '{"\u00e9":["\u00e9"]}'.encode()
    assert canonical_json(decomposed) == canonical_json({"\u00e9": ("\u00e9",)})


@pytest.mark.parametrize("value", [
    math.nan, math.inf, 2**53, {1: "a"}, {"e\u0301": 1, "\u00e9": 2}, "\ud800", {"\udfff": 1}, b"bytes", {1, 2},
    object(),
])
def test_what_has_no_canonical_form_is_refused(value):
    with pytest.raises(ValueError, match="cannot be canonical JSON"):
        canonical_json({"value": value})


def test_nesting_without_end_is_refused_and_does_not_crash():
    value: list[object] = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(ValueError, match="too deep"):
        canonical_json(value)


def test_a_row_is_named_by_the_sha256_of_its_canonical_bytes():
    assert row_id(ROW) == hashlib.sha256('{"prompt":"hi","response":"é"}'.encode()).hexdigest() == ROW_ID
    assert row_id({"prompt": "hi", "response": "e\u0301"}) == ROW_ID  # the same text, decomposed
    assert row_id(ROW | {"prompt": "hj"}) != ROW_ID


def test_sha256_of_nothing_is_the_known_one(tmp_path):
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    (tmp_path / "file").touch()
    assert sha256_hex(b"") == empty
    assert file_sha256(tmp_path / "file") == empty


def model(folder: Path) -> Path:
    (folder / "tokenizer").mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "tokenizer" / "vocabulary.json").write_bytes(b"{}")
    return folder


def test_a_model_is_named_by_the_sorted_digests_of_its_files(tmp_path):
    lines = sorted([hashlib.sha256(b"weights").hexdigest(), hashlib.sha256(b"{}").hexdigest()])
    assert folder_digest(model(tmp_path / "a")) == hashlib.sha256("\n".join(lines).encode()).hexdigest()


def test_one_flipped_bit_or_one_more_file_makes_another_model(tmp_path):
    before = folder_digest(model(tmp_path / "a"))
    assert folder_digest(model(tmp_path / "b")) == before
    (tmp_path / "a" / "model.safetensors").write_bytes(b"weighus")
    (tmp_path / "b" / "extra").touch()
    assert len({before, folder_digest(tmp_path / "a"), folder_digest(tmp_path / "b")}) == 3


def test_links_special_files_and_emptiness_have_no_digest(tmp_path):
    target = model(tmp_path / "real")
    (tmp_path / "link").symlink_to(target)
    (tmp_path / "hollow" / "inner").mkdir(parents=True)
    model(tmp_path / "file_link")
    (tmp_path / "file_link" / "more").symlink_to(target / "model.safetensors")
    model(tmp_path / "folder_link")
    (tmp_path / "folder_link" / "more").symlink_to(target)
    os.mkfifo(model(tmp_path / "pipe") / "more")
    for name in ("link", "hollow", "file_link", "folder_link", "pipe", "nowhere", "real/model.safetensors"):
        with pytest.raises(Refused, match=name.partition("/")[0]):
            folder_digest(tmp_path / name)
