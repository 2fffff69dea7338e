"""Whatever the bytes, the answer is a verdict whose counts add up: no exception, no hang."""

import gzip
import json
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.data.verdicts import KINDS, check_path
from tests.data.rows_on_disk import preferences
from tests.data.rows_on_disk import settings as data_settings

HONEST = b"".join(json.dumps(row).encode() + b"\n" for row in preferences(12))
KIND = st.sampled_from([None, *KINDS])
SPOILERS = [b"\x00", b'"', b"[", b"{", b"\n", b"\r", b"\xff", b"\\ud800", b"\xed\xa0\x80", b"1e400", b"null", b"NaN",
            b",", b"\xef\xbb\xbf", b"[" * 100, b"9" * 50, b"\\n\\nHuman:"]


def judge(name: str, content: bytes, kind: str | None) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        verdict = check_path(path, kind, data_settings())
    assert verdict.rows_read == verdict.rows_accepted + len(verdict.rows_rejected)
    assert (verdict.verdict == "refuse") == bool(verdict.error)
    assert len(verdict.model_dump_json()) < 1 << 20


@settings(max_examples=150, deadline=5000)
@given(st.sampled_from(["a.jsonl", "a.csv", "a.parquet", "a.jsonl.gz", "a.zip", "a"]), st.binary(max_size=400), KIND)
def test_any_bytes_under_any_name_get_a_verdict(name, content, kind):
    judge(name, content, kind)


@settings(max_examples=150, deadline=5000)
@given(st.lists(st.tuples(st.integers(0, len(HONEST)), st.integers(0, 40), st.sampled_from(SPOILERS)), max_size=6),
       KIND, st.booleans())
def test_honest_rows_with_holes_and_insertions_get_a_verdict(spoilt, kind, packed):
    content = HONEST
    for place, cut, inserted in spoilt:
        content = content[:place] + inserted + content[place + cut:]
    judge("a.jsonl.gz" if packed else "a.jsonl", gzip.compress(content) if packed else content, kind)


@settings(max_examples=100, deadline=5000)
@given(st.lists(st.dictionaries(
    st.sampled_from(["prompt", "chosen", "rejected", "response", "text", "id", "margin", "history", "input", "x"]),
    st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
                 lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
                 max_leaves=6), max_size=6), max_size=15), KIND)
def test_any_json_gets_a_verdict(rows, kind):
    judge("a.jsonl", b"".join(json.dumps(row).encode() + b"\n" for row in rows), kind)
