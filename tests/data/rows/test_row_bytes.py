"""Rows are named by the sha256 of their canonical JSON, written fast: the bytes are those of RFC 8785."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.contracts.canonical import canonical_json
from tasks.data.rows.row_bytes import joined, members

NAMES = st.sampled_from(["prompt", "chosen", "rejected", "id", "annotator", "margin", "split", "source_id"])
TEXTS = st.text(st.characters(exclude_categories=["Cs"])).map(lambda text: unicodedata.normalize("NFC", text))
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


@given(st.dictionaries(NAMES, TEXTS | NUMBERS))
def test_the_bytes_are_those_of_rfc_8785(row):
    assert joined(members(row)) == canonical_json(row)


@pytest.mark.parametrize(("value", "wanted"), [
    ("\x00\x1f\x7f\x80", b'{"id":"\\u0000\\u001f\x7f\xc2\x80"}'),
    ("\b\t\n\f\r\"\\/", b'{"id":"\\b\\t\\n\\f\\r\\"\\\\/"}'),
    ("\u2028\u20ac\U0001f600", '{"id":"\u2028\u20ac\U0001f600"}'.encode()),
    (1.0, b'{"id":1}'), (-0.0, b'{"id":0}'), (1e21, b'{"id":1e+21}'), (0.1, b'{"id":0.1}')])
def test_signs_and_numbers_are_written_as_the_standard_says(value, wanted):
    assert joined(members({"id": value})) == wanted


@pytest.mark.parametrize("value", ["half \ud800 a pair", float("nan"), float("inf")])
def test_what_has_no_canonical_form_is_refused(value):
    with pytest.raises(ValueError, match=r"."):
        joined(members({"id": value}))
