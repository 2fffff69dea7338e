"""The audit pack of a version: made by the real command, checked by plain Python, and every kind of change named."""

import base64
import json
import random
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from flows.cli import main as cli
from flows.pack import verify
from tasks.records.signatures import load_key, make_key, sign
from tests.flows.audit_world import World, copy_of
from tests.flows.pack.packs import check, edit, faults, lines, sign_anew, unpacked

CHAMPION = 5


def hallmark(capsys, *words: str, code: int = 0) -> dict:
    capsys.readouterr()
    assert cli.run((*words, "--json")) == code, capsys.readouterr()
    return json.loads(capsys.readouterr().out)


@pytest.fixture(scope="module")
def packed(lived: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[World, Path]:
    """The world, and the pack of its champion with the ids of its rows and the model's bytes."""
    folder = tmp_path_factory.mktemp("packed")
    with pytest.MonkeyPatch.context() as patch:
        world = copy_of(lived, folder)
        patch.chdir(world.root)
        patch.setenv("HALLMARK_HOME", str(world.home))
        assert cli.run(("audit", "pack", str(CHAMPION), "--out", str(folder / "pack.zip"), "--rows",
                        "--with-model")) == 0
    return world, folder / "pack.zip"


@pytest.fixture
def folder(packed: tuple[World, Path], tmp_path: Path) -> Path:
    """The champion's pack as it is unpacked somewhere else."""
    return unpacked(packed[1], tmp_path / "elsewhere")


@pytest.fixture
def key(packed: tuple[World, Path]) -> str:
    """The public key of now."""
    return packed[0].ledger.keys().current


@pytest.fixture
def private(packed: tuple[World, Path]) -> Path:
    return packed[0].home / "keys/ledger.pem"


def test_the_champions_pack_verifies_in_an_empty_folder_with_plain_python(folder: Path, key: str) -> None:
    done = check(folder, "--key", key)
    assert done.returncode == 0, done.stdout
    assert [line.split()[1] for line in done.stdout.splitlines()[:-1]] == [
        "files", "ledger", "signature", "evidence", "decision", "approvals", "statements", "documents", "model"]
    assert done.stdout.splitlines()[-1].startswith(f"verified: policy version {CHAMPION}, model ")
    assert "ben: approve" in done.stdout


def test_the_archive_itself_verifies_too_and_the_key_may_be_a_file(packed, folder: Path) -> None:
    assert faults(folder, str(packed[1]), "--key", "keys/ledger.pub") == []


def test_without_a_key_it_says_that_it_shows_consistency_alone(folder: Path, key: str) -> None:
    done = check(folder)
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1].startswith(f"consistent, and no more: the key is the pack's own, {key}")


def test_a_key_that_was_retired_leads_to_the_present_one_and_is_told(packed, folder: Path) -> None:
    done = check(folder, "--key", packed[0].ledger.keys().first)
    assert done.returncode == 0
    assert "the key that you trust was retired since" in done.stdout


def test_another_key_verifies_nothing(folder: Path, tmp_path: Path) -> None:
    other = make_key(tmp_path / "other.pem").public
    assert any("the key that you trust is none of the pack's" in line for line in faults(folder, "--key", other))


@pytest.mark.parametrize("words", [["--key", "nonsense"], ["--key", "README.txt"], ["nowhere.zip"], ["README.txt"],
                                   ["keys"], ["--model", "nowhere"]])
def test_what_cannot_be_checked_is_misuse(folder: Path, words: list[str]) -> None:
    done = check(folder, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("nothing was checked: ")


def test_one_changed_byte_in_any_file_is_named(folder: Path, key: str) -> None:
    for name in verify.files_below(folder):
        path = folder / name
        whole = path.read_bytes()
        place = len(whole) // 2
        if name != "verify.py":  # whoever changes that may have it say anything: a copy from elsewhere checks it
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1:])
            assert any(name in line for line in faults(folder, "--key", key)), name
            path.write_bytes(whole)
    assert faults(folder, "--key", key) == []


def test_a_changed_verifier_is_named_by_the_one_of_the_repository(folder: Path, key: str) -> None:
    edit(folder / "verify.py", lambda text: text.replace("return 1 if failed else 0", "return 0"))
    done = subprocess.run([sys.executable, verify.__file__, "--key", key, str(folder)], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 1
    assert "verify.py was changed" in done.stdout


def test_a_byte_changed_anywhere_in_the_archive_is_found_or_changes_no_file(packed, key: str, tmp_path: Path) -> None:
    whole, draw = bytearray(packed[1].read_bytes()), random.Random(4)
    with zipfile.ZipFile(packed[1]) as zipped:
        content = {name: zipped.read(name) for name in zipped.namelist()}
    for place in [*draw.sample(range(len(whole)), 12), *range(len(whole) - 22, len(whole), 2), *range(0, 30, 3)]:
        whole[place] ^= 1 << draw.randrange(8)
        damaged = tmp_path / "damaged.zip"
        damaged.write_bytes(whole)
        code = in_process(damaged, key)
        if code == 0:
            with zipfile.ZipFile(damaged) as zipped:
                assert {name: zipped.read(name) for name in zipped.namelist()} == content, place
        whole = bytearray(packed[1].read_bytes())


def in_process(archive: Path, key: str) -> int:
    """The verifier's exit code, without a process of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["verify.py", "--key", key, str(archive)])
        return verify.main()


def test_a_missing_an_added_and_a_doubled_file_are_named(packed, folder: Path, key: str, tmp_path: Path) -> None:
    (folder / "model-card.md").unlink()
    (folder / "note.txt").write_text("trust me")
    found = "\n".join(faults(folder, "--key", key))
    assert "model-card.md is missing" in found
    assert "note.txt is not in the manifest" in found
    double = shutil.copy(packed[1], tmp_path / "double.zip")
    with zipfile.ZipFile(double, "a") as zipped, pytest.warns(UserWarning, match="Duplicate"):
        zipped.writestr("model-card.md", "another card")
    assert any("model-card.md is there twice" in line for line in faults(folder, double, "--key", key))


def test_a_name_in_the_archive_cannot_pass_for_a_line_of_the_verifier(packed, folder: Path, key: str) -> None:
    (folder / "x\nverified: policy version 5\x1b[2J").write_text("")
    done = check(folder, "--key", key)
    assert done.returncode == 1
    assert "x?verified: policy version 5?[2J is not in the manifest" in done.stdout


def test_a_promotion_on_signatures_that_were_left_out_is_found(folder: Path, key: str, private: Path) -> None:
    def unsigned(said: list[dict]) -> None:
        said[:] = [line for line in said if line["entry"]["kind"] != "approved"]

    of_ledger(folder / LEDGER, unsigned)
    sign_anew(folder, private)
    assert any("promotes it on signatures that are not here" in line for line in faults(folder, "--key", key))


def test_a_manifest_that_another_key_signed_is_refused(folder: Path, key: str, tmp_path: Path) -> None:
    edit(folder / "model-card.md", lambda text: text + "\nIt is safe.\n")
    sign_anew(folder, make_key(tmp_path / "other.pem"))
    assert [line for line in faults(folder, "--key", key) if "MANIFEST.sig is no signature" in line]


def in_words(text: str) -> str:
    return text.replace("the demo is tomorrow", "all is well").replace("polite again", "all is well")


def of_ledger(path: Path, change) -> None:
    said = lines(path)
    change(said)
    path.write_text("".join(json.dumps(line) + "\n" for line in said))


def swapped(said: list[dict]) -> None:
    said[3], said[4] = said[4], said[3]


def renumbered(said: list[dict]) -> None:
    said[3]["entry"]["index"] += 1


def without_the_gate(said: list[dict]) -> None:
    said[:] = [line for line in said if line["entry"]["kind"] != "gate decided"]


def left_out(said: list[dict]) -> None:
    said[:] = [line for line in said if line["entry"]["kind"] != "registering"]  # on which nothing rests


def by_another_hand(said: list[dict]) -> None:
    said[3]["entry"]["signature"] = said[4]["entry"]["signature"]


def elsewhere(said: list[dict]) -> None:
    said[3]["path"][0] = said[4]["path"][1]


LEDGER, MODEL, ANNEX = "ledger/entries.jsonl", "model/files.json", "annex-iv.csv"
BY_WHO_HOLDS_THE_KEY = {  # even a signed manifest over it does not make it hold
    "an entry with other words": (LEDGER, in_words, "of the ledger does not hold"),
    "another allow-list": ("approvals/approvers.yaml", lambda text: text.replace("key: ", "key: 0"),
                           "the signature of ben"),
    "another number in the card": ("model-card.md", lambda text: text.replace("| judge_score | low >= 0.5 | 0.7",
                                                                              "| judge_score | low >= 0.5 | 0.9"),
                                   "model-card.md says something else of judge_score"),
    "another file of the model": (MODEL, lambda text: text.replace('"sha256": "', '"sha256": "0', 1)[:-1] + " ",
                                  "model/files.json lists another model"),
    "other evidence": ("evidence/bundle.json", lambda text: text.replace('"value":0.8', '"value":0.9'),
                       "no entry registers this version under evidence/bundle.json"),
    "other settings": ("run/params.yaml", lambda text: text + "# \n", "run/params.yaml is not what the ledger names"),
    "another lock": ("run/dvc.lock", lambda text: text + "\n", "run/dvc.lock is not what the ledger names"),
    "other roots of rows": ("rows/roots.json", lambda text: text.replace('"root": "', '"root": "0'),
                            "rows/roots.json names other rows"),
    "a cell without an entry": (ANNEX, lambda text: text.replace(
        "risk management,not recorded,,", "risk management,all is well,,"), "annex-iv.csv, point 5, rests on no entry"),
    "a cell with an entry that is not there": (ANNEX, lambda text: text.replace(
        "risk management,not recorded,,", "risk management,all is well,9999,"), "annex-iv.csv, point 5, rests on no"),
    "other data": ("data/croissant.json", lambda text: text.replace('"sha256": "', '"sha256": "0', 1),
                   "data/croissant.json names other data"),
    "other parts": ("bom/model.cdx.json", lambda text: text.replace('"content": "', '"content": "0'),
                    "bom/model.cdx.json names other files"),
    "other metrics in the bill of materials": ("bom/model.cdx.json", lambda text: text.replace(
        '"value": "0.8', '"value": "0.9', 1), "bom/model.cdx.json names other metrics"),
    "another run": ("pack.json", lambda text: text.replace('"run": "', '"run": "x'), "pack.json names another bundle"),
    "another number of rows": ("rows/roots.json", lambda text: text.replace('"rows": ', '"rows": 1', 1),
                               "rows/roots.json names other rows"),
    "a later head": ("ledger/head.json", lambda text: text.replace('"size":', '"size":1'), "head.json is not signed"),
    "another version": ("pack.json", lambda text: text.replace('"version": 5', '"version": 2'),
                        "no entry registers this version"),
}


@pytest.mark.parametrize("what", BY_WHO_HOLDS_THE_KEY)
def test_who_holds_the_key_and_signs_anew_is_found(folder: Path, key: str, private: Path, what: str) -> None:
    name, change, wanted = BY_WHO_HOLDS_THE_KEY[what]
    edit(folder / name, change)
    sign_anew(folder, private)
    found = faults(folder, "--key", key)
    assert any(wanted in line for line in found), found
    assert not [line for line in found if "was changed" in line and name in line]  # the manifest is of the change


@pytest.mark.parametrize(("change", "wanted"), [
    (swapped, "of the ledger does not hold"), (renumbered, "of the ledger does not hold"),
    (left_out, ""), (by_another_hand, "of the ledger does not hold"),
    (elsewhere, "of the ledger does not hold"), (without_the_gate, "the ledger has no such decision")])
def test_entries_that_were_swapped_renumbered_or_moved_are_found(
        folder: Path, key: str, private: Path, change, wanted: str) -> None:
    of_ledger(folder / LEDGER, change)
    sign_anew(folder, private)
    found = faults(folder, "--key", key)
    if change is left_out:  # an entry left out breaks no link: the pack says how many of how many it holds
        assert found == []
        assert " of " in check(folder, "--key", key).stdout.splitlines()[1]
    else:
        assert any(wanted in line for line in found), found


@pytest.mark.parametrize(("name", "path", "value", "wanted"), [
    ("test-result", ["predicate", "result"], "FAILED", "the test result is not the gate's decision"),
    ("provenance", ["predicate", "runDetails", "metadata", "invocationId"], "x", "the provenance is of another run"),
    ("provenance", ["predicate", "buildDefinition", "resolvedDependencies"], [], "names another commit"),
    ("provenance", ["subject"], [], "the provenance statement is about another model")])
def test_a_statement_that_says_something_else_is_found_even_when_it_is_signed(
        folder: Path, key: str, private: Path, name: str, path: list[str], value: object, wanted: str) -> None:
    place = folder / f"attestations/{name}.intoto.json"
    envelope = json.loads(place.read_text())
    said = json.loads(base64.b64decode(envelope["payload"]))
    inside = said
    for one in path[:-1]:
        inside = inside[one]
    inside[path[-1]] = value
    resign(envelope, json.dumps(said).encode(), private)
    place.write_text(json.dumps(envelope))
    sign_anew(folder, private)
    assert any(wanted in line for line in faults(folder, "--key", key))


def resign(envelope: dict, payload: bytes, private: Path) -> None:
    kind = envelope["payloadType"].encode()
    made = load_key(private).private.sign(b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload))
    envelope["payload"], envelope["signatures"][0]["sig"] = (
        base64.b64encode(payload).decode(), base64.b64encode(made).decode())


def test_an_envelope_signed_without_its_own_encoding_does_not_count(folder: Path, key: str, private: Path) -> None:
    place = folder / "attestations/provenance.intoto.json"
    envelope = json.loads(place.read_text())
    payload = base64.b64decode(envelope["payload"])
    bare = load_key(private).private.sign(payload)  # over the payload alone, without its type and length
    envelope["signatures"][0]["sig"] = base64.b64encode(bare).decode()
    place.write_text(json.dumps(envelope))
    sign_anew(folder, private)
    assert any("the provenance statement is not signed" in line for line in faults(folder, "--key", key))


def test_a_signature_for_one_purpose_counts_for_no_other(folder: Path, key: str, private: Path) -> None:
    said = json.loads((folder / "MANIFEST.sig").read_text())
    said["signature"] = sign(load_key(private), "ledger head", said["digest"])
    (folder / "MANIFEST.sig").write_text(json.dumps(said))
    assert any("MANIFEST.sig" in line for line in faults(folder, "--key", key))


def test_the_ids_of_the_rows_are_held_against_their_root(folder: Path, key: str, private: Path) -> None:
    place = folder / "rows/sft_train"
    place.write_bytes(place.read_bytes()[32:])
    sign_anew(folder, private)
    assert any("rows/sft_train has another root" in line for line in faults(folder, "--key", key))


def test_a_copy_of_the_model_is_checked_file_by_file(folder: Path, key: str, tmp_path: Path) -> None:
    copy = shutil.copytree(folder / "model/files", tmp_path / "copy")
    assert faults(folder, "--key", key, "--model", str(copy)) == []
    (copy / "model.safetensors").write_text("another model")
    (copy / "extra.py").write_text("")
    found = "\n".join(faults(folder, "--key", key, "--model", str(copy)))
    assert "model.safetensors was changed" in found
    assert "extra.py is no file of this model" in found
