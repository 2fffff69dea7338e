"""hallmark audit head, prove, check, verify --since, and hallmark keys rotate, as a user calls them."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from flows.cli import main as cli
from tasks.records.ledger import Ledger
from tasks.records.signatures import key_paths, load_public
from tasks.records.sqlite_table import SqlitePlace
from tests.records.postgres import cluster
from tests.records.worlds import World, database_of


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """Of a workspace in which three things happened."""
    for words in (["init", "-q"], ["config", "user.name", "Anna"], ["config", "user.email", "anna@example.org"],
                  ["commit", "-q", "--allow-empty", "-m", "first"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    for name in ("dvc.yaml", "params.yaml"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HALLMARK_HOME", raising=False)
    found = Ledger(tmp_path / ".hallmark")
    for number in range(3):
        found.append("registered", "anna", {"version": number})
    return found


def hallmark(*words: str) -> int:
    return cli.run(words)


def answer(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> dict[str, Any]:
    capsys.readouterr()
    assert hallmark(*words, "--json") == code
    return json.loads(capsys.readouterr().out)


def test_a_head_says_how_far_the_ledger_goes(ledger, capsys):
    said = answer(capsys, "audit", "head", "--out", "head.json", "--tag", "audited")
    last = ledger.entries()[-1]
    assert (said["size"], said["hash"], said["time"], said["key"]) == (3, last.hash, last.time, last.key)
    assert json.loads(Path("head.json").read_text()) == said
    shown = subprocess.run(["git", "cat-file", "-p", "audited"], capture_output=True, text=True, check=True).stdout
    assert json.loads(shown.split("\n\n", 1)[1]) == said
    assert hallmark("audit", "head") == 0
    assert said["root"] in capsys.readouterr().out


def test_a_ledger_without_an_entry_has_no_head(ledger, capsys):
    shutil.rmtree(ledger.home)
    assert hallmark("audit", "head", "--out", "head.json") == 1
    assert "no entry" in capsys.readouterr().err
    assert not Path("head.json").exists()


def test_no_head_of_a_broken_ledger_is_exported(ledger, capsys):
    World(ledger, SqlitePlace(ledger.path)).tamper("DELETE FROM ledger WHERE entry_index = 2")
    assert hallmark("audit", "head", "--out", "head.json") == 1
    assert "tail is cut" in capsys.readouterr().err
    assert not Path("head.json").exists()


@pytest.mark.parametrize("since", ["head.json", "audited"])
def test_a_ledger_that_grew_and_changed_its_key_continues_its_exported_head(ledger, capsys, since):
    head = answer(capsys, "audit", "head", "--out", "head.json", "--tag", "audited")
    assert hallmark("keys", "rotate") == 0
    said = answer(capsys, "audit", "verify", "--since", since)
    assert said == {"ok": True, "entries": 4, "broken": None, "since": head}
    assert hallmark("audit", "verify", "--since", since) == 0
    assert "continues the head of 3 entries" in capsys.readouterr().out


def test_a_ledger_that_was_cut_with_its_heads_does_not_continue_the_exported_one(ledger, capsys):
    older = shutil.copytree(ledger.home, "older")
    ledger.append("registered", "anna", {"version": 3})
    assert hallmark("audit", "head", "--out", "head.json") == 0
    shutil.rmtree(ledger.home)
    Path(older).rename(ledger.home)
    assert hallmark("audit", "verify") == 0
    said = answer(capsys, "audit", "verify", "--since", "head.json", code=1)
    assert (said["ok"], said["broken"]["index"], "was cut" in said["broken"]["reason"]) == (False, 3, True)


def test_a_ledger_that_was_begun_anew_does_not_continue_the_exported_head(ledger, capsys):
    assert hallmark("audit", "head", "--out", "head.json") == 0
    shutil.rmtree(ledger.home)
    for number in range(4):
        ledger.append("registered", "anna", {"version": number})
    assert hallmark("audit", "verify") == 0
    said = answer(capsys, "audit", "verify", "--since", "head.json", code=1)
    assert "signed by another key" in said["broken"]["reason"]
    shutil.rmtree(ledger.home)
    assert hallmark("audit", "verify", "--since", "head.json") == 1


def test_what_is_no_exported_head_is_misuse(ledger, capsys):
    assert hallmark("audit", "verify", "--since", "nowhere") == 2
    assert "neither a file nor an annotated tag" in capsys.readouterr().err
    assert hallmark("audit", "head", "--tag", "two words") == 2
    assert hallmark("audit", "head", "--out", "nowhere/head.json") == 2


def test_a_proof_is_checked_anywhere_by_a_public_key_in_a_file_or_in_hex(ledger, capsys, tmp_path, monkeypatch):
    assert answer(capsys, "audit", "prove", "1", "--out", "proof.json")["index"] == 1
    shutil.copy(key_paths(ledger.home)[1], "ledger.pub")
    key = load_public(Path("ledger.pub"))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in ("proof.json", "ledger.pub"):
        shutil.move(name, elsewhere / name)
    shutil.rmtree(ledger.home)
    monkeypatch.chdir(elsewhere)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    for trusted in (key, "ledger.pub"):
        said = answer(capsys, "audit", "check", "proof.json", "--key", trusted)
        assert (said["ok"], said["reason"], said["entry"]["index"], said["entry"]["payload"]) == (
            True, None, 1, {"version": 1})
    said = answer(capsys, "audit", "check", "proof.json", "--key", "ab" * 32, code=1)
    assert (said["ok"], said["entry"], "another key" in said["reason"]) == (False, None, True)
    Path("proof.json").write_text(Path("proof.json").read_text().replace("anna", "eve"))
    assert hallmark("audit", "check", "proof.json", "--key", key) == 1
    assert "proves nothing" in capsys.readouterr().err
    assert hallmark("audit", "check", "nothing.json", "--key", key) == 2
    assert hallmark("audit", "check", "proof.json", "--key", "no key") == 2


def test_there_is_no_proof_of_an_entry_that_is_not_there(ledger, capsys):
    assert hallmark("audit", "prove", "3", "--out", "proof.json") == 2
    assert "wanted 0 to 2" in capsys.readouterr().err
    assert not Path("proof.json").exists()


def test_a_new_key_is_named_in_the_ledger_and_the_old_one_is_gone(ledger, capsys):
    before = ledger.entries()[-1].key
    said = answer(capsys, "keys", "rotate")
    assert (said["index"], said["retired"]) == (3, before)
    ledger.append("registered", "anna", {"version": 3})
    assert ledger.entries()[-1].key == said["key"] != before
    assert hallmark("audit", "verify") == 0


def test_a_bundle_that_a_retired_key_signed_still_counts_and_one_of_a_strangers_key_does_not(ledger, tmp_path):
    from tasks.contracts.canonical import canonical_json, sha256_hex
    from tasks.contracts.errors import DigestMismatch
    from tasks.records.bundle import PURPOSE, read_own_bundle
    from tasks.records.signatures import load_or_make_key, sign

    content = canonical_json({"evidence": 1})
    digest = sha256_hex(content)
    (ledger.home / "bundles").mkdir()
    (ledger.home / "bundles" / f"{digest}.json").write_bytes(content)
    signers = [load_or_make_key(ledger.home)]
    ledger.rotate_key("anna")
    signers.append(load_or_make_key(ledger.home))
    for key in signers:
        signed = {"signature": sign(key, PURPOSE, digest)}
        (ledger.home / "bundles" / f"{digest}.sig").write_bytes(canonical_json(signed))
        assert read_own_bundle(ledger.home, digest) == {"evidence": 1}
    signed = {"signature": sign(load_or_make_key(tmp_path / "eve"), PURPOSE, digest)}
    (ledger.home / "bundles" / f"{digest}.sig").write_bytes(canonical_json(signed))
    with pytest.raises(DigestMismatch, match="not signed by the key"):
        read_own_bundle(ledger.home, digest)


def test_the_commands_read_a_ledger_in_postgresql_where_the_environment_names_one(ledger, capsys, monkeypatch):
    with cluster() as server, database_of(server) as (url, _):
        monkeypatch.setenv("HALLMARK_LEDGER", url)
        shutil.rmtree(ledger.home)
        assert answer(capsys, "audit", "verify") == {"ok": True, "entries": 0, "broken": None}
        Ledger(ledger.home).append("registered", "anna", {"version": 1})
        assert hallmark("audit", "head", "--out", "head.json") == 0
        assert hallmark("keys", "rotate") == 0
        assert answer(capsys, "audit", "verify", "--since", "head.json")["entries"] == 2
        assert hallmark("audit", "prove", "1", "--out", "proof.json") == 0
        assert not (ledger.home / "ledger.db").exists()
    monkeypatch.setenv("HALLMARK_LEDGER", "mysql://h/d")
    assert hallmark("audit", "verify") == 2
