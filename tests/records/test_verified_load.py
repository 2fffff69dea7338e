"""A registered model's bytes in a real MLflow: fetched into a copy of our own, and nothing else is ever handed out."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.contracts.canonical import folder_digest
from tasks.contracts.errors import DigestMismatch, Refused
from tasks.records import artifact_store, model_store
from tasks.records.mlflow_store import connect
from tasks.records.model_files import differences, digest_of, files_of, refuse_other_bytes
from tasks.records.model_store import fetch
from tasks.records.registry import Version, get
from tests.records.test_registry import model, registered

WEIGHTS = "9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c"
BRACES = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


def stored(version: Version) -> Path:
    """Where MLflow keeps a version's bytes."""
    return Path(model_store.stored_at(version).removeprefix("file://"))


def flip(path: Path) -> None:
    """Turn one bit round."""
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def test_a_model_is_the_digest_of_the_list_of_its_files(tmp_path):
    folder = model(tmp_path / "model", b"weights")

    assert files_of(folder) == {"model.safetensors": WEIGHTS, "tokenizer/tokenizer.json": BRACES}
    assert digest_of(files_of(folder)) == folder_digest(folder)


def test_every_file_that_differs_is_named_with_how():
    wanted, found = {"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "9", "d": "4"}

    assert differences(wanted, wanted) == []
    assert differences(wanted, found) == [
        ("b", "changed", "2", "9"), ("c", "missing", "3", ""), ("d", "added", "", "4")]


def test_what_is_fetched_is_a_copy_that_is_named_by_its_digest(mlflow_home, tmp_path):
    (version,) = registered("copied", tmp_path)

    folder = fetch(version)

    assert folder == mlflow_home / "models" / version.digest
    assert folder != stored(version)
    assert files_of(folder) == files_of(stored(version)) == model_store.stored_files(version)
    assert fetch(version) == folder


def empty(folder: Path) -> None:
    """Leave the folders alone, without a file."""
    for path in folder.rglob("*"):
        if path.is_file():
            path.unlink()


TAMPERINGS: dict[str, Callable[[Path], object]] = {
    "model.safetensors was changed": lambda folder: flip(folder / "model.safetensors"),
    "tokenizer/tokenizer.json is missing": lambda folder: (folder / "tokenizer/tokenizer.json").unlink(),
    "more was added": lambda folder: (folder / "more").touch(),
    "holds no file": empty,
    "is no folder": shutil.rmtree,
    "neither file nor folder": lambda folder: (folder / "link").symlink_to("model.safetensors"),
}


@pytest.mark.parametrize("said", TAMPERINGS)
@pytest.mark.parametrize("before", ["fetched before", "never fetched"])
def test_stored_bytes_that_were_tampered_with_are_refused_by_name(mlflow_home, tmp_path, said, before):
    name = f"tampered {len(said)} {before}"
    untouched, version = registered(name, tmp_path, 2)
    files = files_of(stored(version))
    if before == "fetched before":
        fetch(version)

    TAMPERINGS[said](stored(version))

    with pytest.raises(DigestMismatch, match=f"{version}.*{said}|{said}.*"):
        fetch(version, files)
    assert fetch(untouched).is_dir()


def test_a_swap_of_two_files_bytes_is_found_though_the_digest_stays(mlflow_home, tmp_path):
    (version,) = registered("swapped bytes", tmp_path)
    files = files_of(stored(version))
    one, other = stored(version) / "model.safetensors", stored(version) / "tokenizer/tokenizer.json"
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)

    assert folder_digest(stored(version)) == version.digest
    with pytest.raises(DigestMismatch, match=r"model\.safetensors was changed"):
        fetch(version, files)


def test_a_damaged_copy_is_made_anew_from_the_store(mlflow_home, tmp_path):
    (version,) = registered("healed", tmp_path)
    copy = fetch(version)
    flip(copy / "model.safetensors")

    assert folder_digest(fetch(version)) == version.digest


def test_a_version_whose_digest_was_edited_away_is_not_fetched(mlflow_home, tmp_path):
    (version,) = registered("edited", tmp_path)
    connect().delete_model_version_tag("edited", "1", "sha256")

    with pytest.raises(DigestMismatch):
        fetch(get("edited", 1))
    assert fetch(version).is_dir()  # whoever knows the digest from the ledger still can


def test_a_copy_from_a_store_elsewhere_is_checked_and_asked_for_once(mlflow_home, tmp_path, monkeypatch):
    (version,) = registered("elsewhere", tmp_path)
    own = stored(version)
    asked: list[str] = []

    def elsewhere(uri: str) -> None:
        asked.append(uri)

    monkeypatch.setattr(artifact_store, "local_path", elsewhere)  # as if its place were no path of this machine
    monkeypatch.setattr(model_store, "local_path", elsewhere)
    folder = fetch(version)
    assert folder_digest(folder) == version.digest
    assert model_store.stored_files(version) == files_of(own)
    flip(own / "model.safetensors")
    assert fetch(version) == folder  # from our own copy, which is whole
    flip(folder / "model.safetensors")
    with pytest.raises(DigestMismatch, match=str(version)):
        fetch(version)
    assert not folder.exists()
    assert list(folder.parent.glob(".draft-*")) == []


def test_a_step_refuses_a_model_whose_folder_is_not_named_by_its_digest(tmp_path):
    folder = model(tmp_path / "named", b"weights")
    whole = folder.rename(tmp_path / folder_digest(folder))

    refuse_other_bytes("the model", whole, whole.name)
    flip(whole / "model.safetensors")
    with pytest.raises(DigestMismatch, match="the model"):
        refuse_other_bytes("the model", whole, whole.name)


def test_a_folder_with_nothing_in_it_is_no_model(tmp_path):
    with pytest.raises(Refused, match="no file"):
        files_of(tmp_path)
