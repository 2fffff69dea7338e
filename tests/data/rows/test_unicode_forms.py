"""Composed forms are those of the library, for any order of any marks."""

import sys
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tasks.data.rows import unicode_forms
from tasks.data.rows.unicode_forms import LAST_MARK, MARKS_AT_MOST, SHORT, nfc, nfkc

ACUTE, CEDILLA = "\u0301", "\u0327"  # of classes 230 and 202: in turns they are sorted
TIBETAN, HALF_WIDTH = "\u0f73", "\uff9e"  # no marks themselves; marks come of them
RUNS = st.lists(st.sampled_from([ACUTE, CEDILLA, TIBETAN, HALF_WIDTH, "\u0344", "\u1160", "a", "\u4e2d"]), max_size=99)


def hold(text: str) -> None:
    assert nfc(text) == unicodedata.normalize("NFC", text)
    assert nfkc(text) == unicodedata.normalize("NFKC", text)


@given(st.text(max_size=9), RUNS.map("".join), st.integers(1, 9))
@example("a", ACUTE + CEDILLA, 2 * SHORT)
@example("a", ACUTE + HALF_WIDTH, 2 * SHORT)
@example("a", TIBETAN + ACUTE, 2 * SHORT)
def test_any_text_has_the_forms_of_the_library(start, run, times):
    hold(start + run * times)
    hold("x" * SHORT + (start + run) * times)


@pytest.mark.parametrize("before", range(MARKS_AT_MOST + 1))
def test_a_run_is_found_wherever_it_begins(before):
    text = "x" * (SHORT + before) + (ACUTE + CEDILLA) * MARKS_AT_MOST
    hold(text)
    assert unicode_forms._sorted(text, "NFD").endswith(CEDILLA * MARKS_AT_MOST + ACUTE * MARKS_AT_MOST)


def test_no_mark_lies_beyond_the_last_one():
    assert not [code for code in range(LAST_MARK + 1, sys.maxunicode + 1)
                if unicodedata.combining(unicodedata.normalize("NFKD", chr(code))[0])]
