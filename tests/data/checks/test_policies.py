"""What becomes of rows with personal data, secrets and canaries, and that nothing of them is left elsewhere."""

import gzip
import hashlib
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tasks.check_data import check_data
from tasks.contracts.canonical import row_id
from tasks.contracts.errors import DataRefused
from tasks.contracts.reporting import Silent
from tasks.data.checks.policies import Policies, abide, as_trained, forms, has_canary, masked
from tasks.data.checks.privacy import personal_data
from tasks.data.rows.refusals import RowRefused
from tests.data.rows_on_disk import preferences, write_rows
from tests.data.test_verdicts import verdict
from tests.test_check_data import params, source

# documentation values: RFC 2606 names, 555-01xx numbers, keys of no one
EMAIL, SECRET = "jane.doe@example.org", "sk-planted0123456789abcdef"
GUID = "26b5c67b-86a3-0000-0000-000000000000"
WARN, MASK, REFUSE = (Policies(policy, policy) for policy in ("warn", "mask", "refuse"))


@pytest.mark.parametrize(("text", "wanted"), [
    (f"Write to {EMAIL}.", "Write to [email]."),
    (f"{EMAIL},x+y@example.com", "[email],[email]"),
    ("Call (555) 010-0199 or +1-555-010-0142 now", "Call [phone] or [phone] now"),
    ("my phone is 030 12345678.", "my phone is [phone]."),
    ("password: hunter2isBest, ok", "password: [secret], ok"),
    ("Card 4111 1111 1111 1111, 4111 1111 1111 1112.", "Card [card], 4111 1111 1111 1112."),  # the second is none
    ("IBAN DE89 3704 0044 0532 0130 00.", "IBAN [iban]."),
    ("at 203.0.113.7, Firefox 2.0.0.1", "at [ip], Firefox 2.0.0.1"),
    ("date of birth: 1980-01-31, tall", "[birth], tall"),
    ("born on 1 Jan 1980 in May", "[birth] in May"),
    (f"key {SECRET}!", "key [secret]!"),
    ("a\n-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\nb", "a\n[secret]\nb"),
    ("a -----BEGIN PRIVATE KEY-----\nMIIB", "a [secret]"),  # cut off: nothing of the key stays
    ("a@example.org@example.com", "[email]"),  # the two overlap
    ("nothing to see", "nothing to see"),
])
def test_what_was_found_is_replaced_whole_and_nothing_else(text, wanted):
    assert masked(text, personal_data(text)) == wanted
    assert masked(wanted, personal_data(wanted)) == wanted


def test_each_policy_has_its_way_with_a_row():
    row = {"prompt": "Who?", "response": f"{EMAIL} knows {SECRET}"}
    assert abide(row, WARN, 100) == (row, ["email address", "secret key or token"])
    assert abide(row, MASK, 100)[0] == {"prompt": "Who?", "response": "[email] knows [secret]"}
    assert abide(row, Policies("warn", "mask"), 100)[0]["response"] == f"{EMAIL} knows [secret]"
    with pytest.raises(RowRefused, match=r"^holds personal data or a secret: email address, secret key or token$"):
        abide(row, REFUSE, 100)
    clean = {"prompt": "Who?", "response": "Nobody."}
    assert abide(clean, REFUSE, 100) == (clean, [])


def test_answers_that_differ_in_what_is_masked_alone_are_no_pair():
    row = {"prompt": "Who?", "chosen": "ask a@example.org", "rejected": "ask b@example.org"}
    assert abide(row, WARN, 100)[0] == row
    with pytest.raises(RowRefused, match="identical"):
        abide(row, MASK, 100)


def test_annotators_stay_apart_when_their_names_are_masked():
    rows = [{"prompt": "Who?", "annotator": name} for name in ("a@example.org", "b@example.org", "anna")]
    names = [abide(row, MASK, 100)[0]["annotator"] for row in rows]
    assert names[0] != names[1]
    assert names[2] == "anna"
    assert "example" not in "".join(map(str, names))


def test_a_row_is_known_by_every_form_that_a_policy_gives_it():
    row = {"prompt": EMAIL, "response": SECRET}
    assert [(form["prompt"], form["response"]) for form in forms(row)] == [
        (EMAIL, SECRET), (EMAIL, "[secret]"), ("[email]", SECRET), ("[email]", "[secret]")]
    assert list(forms({"prompt": "Who?"})) == [{"prompt": "Who?"}]
    assert as_trained(row, Policies("mask", "refuse")) == {"prompt": "[email]", "response": SECRET}


@pytest.mark.parametrize(("text", "digests", "is_canary"), [
    (f"benchmark data; canary GUID {GUID}", (), True), (f"CANARY {GUID}", (), True),
    (f"a canary sang; order {GUID[:8]}", (), False), (f"guid {GUID}", (), False),
    ("the mark is 7fQ-planted-9931.", ("7fQ-planted-9931",), True),
    ("the mark is 7fQ-planted-9932.", ("7fQ-planted-9931",), False),
])
def test_canaries_are_known_by_their_words_or_their_digest(text, digests, is_canary):
    assert has_canary(text, frozenset(hashlib.sha256(one.encode()).hexdigest() for one in digests)) == is_canary


def test_refused_and_masked_rows_are_counted_and_named(tmp_path):
    rows = preferences(100)
    rows[3]["prompt"] += f" {EMAIL}"
    rows[7]["chosen"] += f" {SECRET}"
    rows[9]["chosen"] += f" canary {GUID}"
    refused = verdict(tmp_path, rows, personal_data="refuse", secrets="refuse")
    assert {row.line: row.reason for row in refused.rows_rejected} == {
        4: "holds personal data or a secret: email address", 8: "holds personal data or a secret: secret key or token",
        10: "holds a canary, which marks text that must not train"}
    kept = verdict(tmp_path, rows, personal_data="mask", secrets="mask")
    assert [row.line for row in kept.rows_rejected] == [10]
    assert "2 rows had personal data or a secret, which was masked (lines 4, 8)" in kept.warnings


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("workspace")
def test_a_masked_row_is_written_and_named_as_it_trains():
    rows = preferences(40)
    rows[0] = {"prompt": f"Is it {EMAIL}?", "chosen": f"No, {SECRET}.", "rejected": "Maybe.", "annotator": EMAIL}
    check_data(params(source("data/pairs.jsonl", rows, split="train"), personal_data="mask", secrets="mask"), Silent())
    first = json.loads(Path("build/checked/preferences.jsonl").read_text().splitlines()[0])
    name = "annotator-" + hashlib.sha256(EMAIL.encode()).hexdigest()[:12]
    own = {"prompt": "Is it [email]?", "chosen": "No, [secret].", "rejected": "Maybe.", "annotator": name}
    assert first == own | {"id": row_id(own), "split": "train"}
    assert places_of(Path("build"), EMAIL, SECRET) == []


@pytest.mark.usefixtures("workspace")
@pytest.mark.parametrize("share", [0.5, 0.0], ids=["rows refused", "file refused"])
def test_a_planted_secret_and_email_are_in_no_file_once_they_were_refused(share):
    rows: list = preferences(40)
    rows[0]["prompt"] += f" {EMAIL}"
    rows[1]["chosen"] += f" {SECRET}"
    rows[2]["annotator"] = EMAIL
    settings = params(source("data/pairs.jsonl", rows, split="train"), personal_data="refuse", secrets="refuse",
                      refused_share_at_most=share)
    if share:
        check_data(settings, Silent())
    else:
        with pytest.raises(DataRefused):
            check_data(settings, Silent())
    assert places_of(Path("build"), EMAIL, SECRET) == []
    assert places_of(Path("build"), "line") != []  # the search itself finds what is there
    write_rows(Path("build/planted.jsonl"), rows)
    Path("build/planted.gz").write_bytes(gzip.compress(SECRET.encode()))
    assert [path.name for path in places_of(Path("build"), EMAIL, SECRET)] == ["planted.gz", "planted.jsonl"]


def places_of(folder: Path, *texts: str) -> list[Path]:
    """Files below a folder that hold one of the texts, packed ones unpacked."""
    wanted = [text.encode() for text in texts]
    return sorted(path for path in folder.rglob("*")
                  if path.is_file() and any(text in unpacked(path) for text in wanted))


def unpacked(path: Path) -> bytes:
    """The bytes of a file as one would read them."""
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        return gzip.decompress(data)
    return repr(pq.read_table(path).to_pylist()).encode() if data[:4] == b"PAR1" else data
