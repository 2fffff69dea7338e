"""What is asked of a text before a pattern is tried changes no finding: held against the patterns alone."""

import gzip
import json
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tasks.data.checks import degenerate, privacy, wording
from tasks.data.rows import normal_text

TORTURE = Path(__file__).parents[4] / "shared" / "torture"
PIECES = st.sampled_from([
    "a@b.org", "@", "call +49 30 901820 77 ", "(555) 123-4567", "078-05-1120", "4111 1111 1111 1111", "DE89 3704 0044 ",
    "0532 0130 00", "GB", "12", "192.168.10.1", "1.2.3", "fe80::1", "::1", "12:30", " 7 Long Lane", "12 ", "Elm Street",
    "born on 3 May 1990", "BORN 3 May 1990", "date of b\u0131rth: 1", "Date of Birth 1", "passport AB123456",
    "pa\u017f\u017fport AB1234567", "AKIA0123456789ABCDEF", "sk-0123456789abcdefghij",
    "eyJhbGciOi.eyJzdWIiOi.abcdefghij",
    "-----BEGIN RSA PRIVATE KEY-----", "\n\nHuman: ", "User :", "Assistant:", " ", "\n", ".", "-", "\u0663\u0664\u0665",
    "\x00", "\x7f", "\x85", "\x1c", "[NAME_PLACEHOLDER]", "shut, up", "go\ndie", "idiots", "you scum", "TOXIC_",
    "\u00e9",
    "ap\u0131 key=abc1234567", "API-KEY: 1a2b3c4d5e", "token is ab12cd34ef",
    "eyJ", "-eyJ", ".eyJ012345678", "abcdefghijk", "[", "PLACEHOLDER", "_X]", "-----END RSA PRIVATE KEY-----", "\ufffd",
    "\u200b", "\u00c3\u00a9", "the cat sat on the mat " * 12, "ha" * 30, "\u54c8" * 60,
    "phone ", "Tel: ", "\u624b\u673a", "13812345678", "11010519491231002X", "password", " is ", "=", ": ", "hunter2is",
    "'", "I'll hurt you", "İdıot", "\u212aill yourself"])
TEXTS = st.lists(PIECES, max_size=8).map("".join) | st.text(max_size=40)


def toxic_by_words(answer: str) -> bool:
    words = wording._WORDS.findall(answer.lower())
    spoken = f" {' '.join(words)} "
    return (not wording._TOXIC_WORDS.isdisjoint(words) or any(f" {one} " in spoken for one in wording._TOXIC_PHRASES)
            or any(mark in answer for mark in wording._TOXIC_MARKS))


def degenerate_by_words(text: str) -> bool:
    words = text.split()
    triples = list(zip(words, words[1:], words[2:], strict=False))
    if len(words) >= 30 and len(set(words)) <= 0.4 * len(words) and len(set(triples)) < 0.4 * len(triples):
        return True
    longest = max(words, key=len, default="")
    return (len(longest) >= 60 and longest.isprintable() and any(map(str.isalnum, longest))
            and degenerate._packs(longest))


def hold(text: str) -> None:
    """Each fast answer is the slow one."""
    assert privacy.personal_data(text) == privacy.personal_data_by_patterns(text)
    assert [bool(list(one.spans(text))) for one in privacy.RECOGNISERS.values()] == [
        one(text) for one in privacy.RECOGNISERS.values()]
    assert degenerate.is_degenerate(text) == degenerate_by_words(text)
    assert wording.has_roles(text) == (wording._ROLES.search(text) is not None)
    assert wording.is_toxic(text) == toxic_by_words(text)
    assert ("control" in wording.signs(text)) == (wording._CONTROL.search(text) is not None)
    assert ("placeholder" in wording.signs(text)) == bool(re.search(r"\[[A-Z_]*PLACEHOLDER[A-Z_]*\]", text))
    assert ("hidden" in wording.signs(text)) == (wording._HIDDEN.search(text) is not None)
    assert ("mojibake" in wording.signs(text)) == wording._is_mojibake(text)
    assert ("replacement" in wording.signs(text)) == ("\ufffd" in text)
    composed = unicodedata.normalize("NFC", text).casefold()
    assert normal_text.normal(text) == " ".join(composed.split())
    joined = "".join(composed.split())
    assert normal_text.same_prompt(text) == (joined.strip(normal_text._END_MARKS) or joined)
    letters = normal_text._NOT_WORDS.sub("", unicodedata.normalize("NFKC", text).casefold())
    assert normal_text.letters_and_digits(text) == (letters or normal_text.normal(text))


@given(TEXTS)
@example("12 Elm Street")
@example("IBAN DE89370400440532013000 and 10.20.30.40")
def test_any_text_gets_the_same_answers(text):
    hold(text)


def test_a_recogniser_that_is_never_asked_would_be_seen(monkeypatch):
    never = [(kind, 99, hint, worth, found) for kind, _, hint, worth, found in privacy._RECOGNISERS]
    monkeypatch.setattr(privacy, "_RECOGNISERS", never)
    with pytest.raises(AssertionError):
        hold("write to a@b.org")


@pytest.mark.skipif(not TORTURE.is_dir(), reason="no folder ../shared/torture beside the checkout")
def test_the_texts_of_the_torture_folder_get_the_same_answers():
    for path in sorted(TORTURE.rglob("*.jsonl")):
        for line in path.read_bytes().splitlines():
            for text in texts_in(line):
                hold(text)


@pytest.mark.real
def test_real_texts_get_the_same_answers(real_data):
    for path in sorted(real_data.glob("*/*.jsonl.gz")):
        with gzip.open(path) as file:
            for line in list(file)[:1500]:
                for text in texts_in(line):
                    hold(text)


def texts_in(line: bytes) -> Iterator[str]:
    """All texts of a line; none where it is no JSON object."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return
    yield from (value for value in (row.values() if isinstance(row, dict) else ()) if isinstance(value, str))
