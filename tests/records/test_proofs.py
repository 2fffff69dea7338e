"""One entry proved without the ledger, and heads that were exported to a file or a git tag."""

import json
import subprocess
from pathlib import Path

import pytest

from tasks.contracts.errors import LedgerBroken, Misused
from tasks.records.exported_heads import read_exported, said, tag_head
from tasks.records.ledger import Ledger
from tasks.records.proofs import parse_proof, prove, refuse_false_proof
from tests.records.worlds import HAPPENED, clocked, record

SIZE = len(HAPPENED)


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    found = clocked(tmp_path_factory.mktemp("home"))
    record(found)
    return found


@pytest.fixture
def repository_with_git(tmp_path: Path) -> Path:
    for words in (["init", "-q"], ["config", "user.name", "Anna"], ["config", "user.email", "anna@example.org"],
                  ["commit", "-q", "--allow-empty", "-m", "first"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    return tmp_path


def holds(content: object, key: str) -> bool:
    try:
        refuse_false_proof(parse_proof(json.dumps(content)), key)
    except LedgerBroken:
        return False
    return True


def test_every_entry_is_proved_by_every_key_that_ever_signed_and_by_no_other(ledger):
    entries, head = ledger.entries(), ledger.signed_head()
    for index in range(SIZE):
        proof = prove(entries, index, head).as_json()
        for key in ledger.keys().all:
            assert holds(proof, key)
        assert not holds(proof, "ab" * 32)


def test_a_proof_of_an_older_head_holds_as_well(ledger, tmp_path):
    young = clocked(tmp_path)
    young.append("register", "anna", {})
    head, key = young.signed_head(), young.keys().first
    young.append("register", "anna", {})
    assert holds(prove(young.entries(), 0, head).as_json(), key)
    with pytest.raises(Misused, match="no such entry"):
        prove(young.entries(), 1, head)


def test_every_character_of_a_proof_that_is_changed_makes_it_worthless(ledger):
    key = ledger.keys().current
    proof = prove(ledger.entries(), 7, ledger.signed_head()).as_json()
    proof["handovers"] = []  # by the current key none is needed
    assert holds(proof, key)
    text = json.dumps(proof)
    for position, character in enumerate(text):
        changed = text[:position] + ("1" if character != "1" else "2") + text[position + 1:]
        try:
            refuse_false_proof(parse_proof(changed), key)
        except LedgerBroken:
            continue
        pytest.fail(f"character {position} of {text[max(0, position - 30):position + 10]!r} does not count")


def test_handovers_that_were_changed_lead_nowhere(ledger):
    proof = prove(ledger.entries(), 2, ledger.signed_head()).as_json()
    first = ledger.keys().first
    for change in ({"payload_json": json.dumps({"key": "ab" * 32})}, {"actor": "eve"}):
        changed = json.loads(json.dumps(proof))
        changed["handovers"][0].update(change)
        assert not holds(changed, first)
    assert not holds({**proof, "handovers": proof["handovers"][1:]}, first)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format":"hallmark ledger proof 1"}', "[" * 9000, "7"])
def test_what_is_no_proof_is_said_to_be_none(content):
    with pytest.raises(LedgerBroken, match="is no hallmark ledger proof 1"):
        parse_proof(content)


def test_a_head_goes_to_a_file_or_a_tag_and_comes_back(ledger, repository_with_git):
    root, head = repository_with_git, ledger.signed_head()
    (root / "head.json").write_text(said(head))
    tag_head(root, "audit/2026-11", head)
    assert read_exported(root, str(root / "head.json")) == head
    assert read_exported(root, "audit/2026-11") == head


def test_a_tag_is_never_replaced_and_what_is_no_exported_head_is_misuse(ledger, repository_with_git):
    root, head = repository_with_git, ledger.signed_head()
    tag_head(root, "one", head)
    for name in ("one", "-d", "two words", "a..b", ""):
        with pytest.raises(Misused):
            tag_head(root, name, head)
    subprocess.run(["git", "tag", "light"], cwd=root, check=True)
    subprocess.run(["git", "tag", "-a", "-m", "a release", "release"], cwd=root, check=True)
    (root / "text").write_text("hello")
    for name in ("light", "release", "none", "text", ""):
        with pytest.raises(Misused, match="is no exported head"):
            read_exported(root, name)
