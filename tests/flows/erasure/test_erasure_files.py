"""A data file loses exactly the lines of the rows to forget, in every format; what is searched for is found packed."""

import csv
import gzip
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from flows.erasure.claims import write_claims
from flows.erasure.data_rows import Read, find, shared_texts
from flows.erasure.many_patterns import Patterns
from flows.erasure.needles import fragments, needles_of, spellings
from flows.erasure.rewriting import write_without
from flows.erasure.searching import holds
from tasks.contracts.canonical import file_sha256, row_id
from tasks.contracts.errors import DataRefused

ROWS = [{"prompt": f"how do i mend number {number}, \"quickly\"?\nit is broken", "response": f"by hand, {number} é"}
        for number in range(6)]
GONE = row_id(ROWS[2])


def unzstd(packed: bytes) -> bytes:
    return zstandard.ZstdDecompressor().stream_reader(packed).read()


def without(path: Path, ids: set[str], read: Read | None = None) -> bytes:
    """The bytes of a file after the rows with these ids left it."""
    lines = {one.line for one in find(path, read or Read(), ids.__contains__)}
    draft = path.with_name(f"draft-{path.name}")
    write_without(path, lines, draft)
    return draft.read_bytes()


def test_json_lines_keep_every_other_byte_and_every_spelling_of_the_row_goes(tmp_path: Path) -> None:
    spelled = b'{"response" : "by hand, 2 \\u00e9", "extra": 1, "prompt": ' + json.dumps(
        ROWS[2]["prompt"]).encode() + b"}\r\n"
    kept = [json.dumps(ROWS[0]).encode() + b"\n", b"\n", b"{ broken\n", json.dumps(ROWS[1]).encode() + b"\r\n",
            json.dumps(ROWS[3]).encode()]  # the last one has no end
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"".join([kept[0], json.dumps(ROWS[2]).encode() + b"\n", *kept[1:4], spelled, kept[4]]))
    assert without(path, {GONE}) == b"".join(kept)
    assert without(path, {"ab" * 32}) == path.read_bytes()


@pytest.mark.parametrize(("name", "pack", "unpack"), [
    ("rows.jsonl.gz", gzip.compress, gzip.decompress), ("rows.jsonl.zst", zstandard.compress, unzstd),
    ("rows.ndjson", bytes, bytes), ("rows.jsonl", bytes, bytes)])
def test_packed_lines_stay_packed(tmp_path: Path, name: str, pack, unpack) -> None:
    lines = [json.dumps(row).encode() + b"\n" for row in ROWS]
    path = tmp_path / name
    path.write_bytes(pack(b"".join(lines)))
    assert holds(path, [b"mend number 2"]), "the twin"
    found = without(path, {GONE})
    assert unpack(found) == b"".join(lines[:2] + lines[3:])
    path.write_bytes(found)
    assert not holds(path, [b"mend number 2"])


@pytest.mark.parametrize("name", ["rows.csv", "rows.csv.gz"])
def test_a_csv_record_over_two_lines_goes_whole(tmp_path: Path, name: str) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, ["prompt", "response"], quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(ROWS)
    content = text.getvalue().encode()
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    found = without(path, {GONE})
    found = gzip.decompress(found) if name.endswith(".gz") else found
    begins, ends = content.index(b'"how do i mend number 2'), content.index(b'"how do i mend number 3')
    assert found == content[:begins] + content[ends:]


def test_a_parquet_file_keeps_schema_groups_and_compression(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    table = pa.table({"prompt": [row["prompt"] for row in ROWS], "response": [row["response"] for row in ROWS],
                      "votes": pa.array(range(6), pa.int8())})
    pq.write_table(table, path, compression="zstd", row_group_size=3)
    out = tmp_path / "out.parquet"
    out.write_bytes(without(path, {GONE}))
    found = pq.ParquetFile(out)
    assert found.read() == table.take([0, 1, 3, 4, 5])
    assert found.schema_arrow == table.schema
    assert (found.num_row_groups, found.metadata.row_group(0).column(0).compression) == (2, "ZSTD")
    assert not holds(out, [b"number 2"])
    assert holds(path, [json.dumps(ROWS[2]["prompt"])[1:-1].encode()]), "the twin"


def test_a_transcript_goes_by_the_id_of_the_comparison_that_it_becomes(tmp_path: Path) -> None:
    said = {side: f"\n\nHuman: how are you?\n\nAssistant: {answer}" for side, answer in
            (("chosen", "well, thank you"), ("rejected", "none of your business"))}
    path = tmp_path / "talks.jsonl"
    path.write_text(json.dumps(said) + "\n")
    row = row_id({"prompt": "Human: how are you?", "chosen": "well, thank you", "rejected": "none of your business"})
    (one,) = find(path, Read("transcripts"), {row}.__contains__)
    assert said["chosen"] in one.texts, "as the file has it, for the search"
    assert without(path, {row}) == b""


def test_a_line_of_plain_text_goes(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes(b"the first of all lines\r\n\nthe second of them\n\tand a third")
    assert without(path, {row_id({"text": "the second of them"})}) == b"the first of all lines\r\n\n\tand a third"


def test_a_comparison_of_ratings_takes_both_ratings_with_it(tmp_path: Path) -> None:
    rated = [("how?", "slowly", 5), ("why?", "because of it", 1), ("how?", "fast", 2), ("why?", "none knows", 4)]
    lines = [json.dumps({"prompt": prompt, "response": text, "rating": rating}).encode() + b"\n"
             for prompt, text, rating in rated]
    path = tmp_path / "rated.jsonl"
    path.write_bytes(b"".join(lines))
    row = row_id({"prompt": "how?", "chosen": "slowly", "rejected": "fast"})
    assert without(path, {row}) == lines[1] + lines[3]


def test_columns_are_read_as_params_yaml_names_them(tmp_path: Path) -> None:
    path = tmp_path / "asked.jsonl"
    path.write_text(json.dumps({"ask": ROWS[2]["prompt"], "reply": ROWS[2]["response"]}) + "\n")
    read = Read("demonstrations", {"prompt": "ask", "response": "reply"})
    assert [one.row for one in find(path, read, {GONE}.__contains__)] == [GONE]
    with pytest.raises(DataRefused, match="no known schema"):
        find(path, Read(), {GONE}.__contains__)


def test_texts_of_rows_that_stay_are_not_searched_for(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ({"prompt": "what is the time now", "response": "noon"},
                                                               {"prompt": "what is the time now", "response": "late"})))
    texts = fragments(["what is the time now", "noon"])
    assert texts == {"what is the time now"}, "a short text would be found everywhere"
    assert shared_texts(path, texts, {1}) == {"what is the time now"}
    assert shared_texts(path, texts, {1, 2}) == set()


@pytest.mark.parametrize("spelled", [
    b'{"text": "she said \\"caf\\u00e9 at noon\\""}', "{\"text\": \"she said \\\"café at noon\\\"\"}".encode(),
    "<td>she said &quot;café at noon&quot;</td>".encode(), "<td>she said &#34;café at noon&#34;</td>".encode(),
    '"she said ""café at noon"""'.encode()])
def test_a_text_is_found_in_every_spelling_packed_or_not(tmp_path: Path, spelled: bytes) -> None:
    patterns = needles_of([], ['she said "café at noon"']).of_text()
    for pack in (bytes, gzip.compress):
        path = tmp_path / "file"
        path.write_bytes(pack(b"x" * 100_000 + spelled))
        assert holds(path, patterns)
        path.write_bytes(pack(spelled.replace(b"noon", b"nine")))
        assert not holds(path, patterns)


def test_thousands_of_patterns_are_found_wherever_they_begin_and_at_no_other_place() -> None:
    patterns = [f"he said the thing of number {number} at noon".encode() for number in range(3000)]
    many, text = Patterns(patterns), b"and then he said the thing of number 12345 at nine " * 2000
    assert not many.in_piece(text)
    for shift in range(11):
        for place in (0, 5000, len(text)):
            assert many.in_piece(text[:place] + b"x" * shift + patterns[-1] + text[place:])
            assert not many.in_piece(text[:place] + b"x" * shift + patterns[-1][:-1] + text[place:])
    assert not many.in_piece(b"short")


def test_a_text_that_lies_across_two_pieces_is_found(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * ((4 << 20) - 5) + b"twelve o'clock")
    assert holds(path, [b"twelve o'clock"])
    assert not holds(path, [])


def test_damage_in_a_packed_file_hides_nothing_before_it(tmp_path: Path) -> None:
    path = tmp_path / "file.gz"
    path.write_bytes(gzip.compress(b"twelve o'clock" + bytes(range(256)) * 400)[:-50])
    assert holds(path, [b"twelve o'clock"])


def test_the_ends_of_a_long_text_are_searched_for_too() -> None:
    text = "a beginning that nobody else has, " + "and so on " * 30 + "and an end that nobody else has"
    assert {text, text[:48], text[-48:]} == fragments([text])
    assert text.encode() in spellings(text)


def test_a_manifest_beside_the_file_promises_the_new_bytes(tmp_path: Path) -> None:
    path, draft = tmp_path / "rows.jsonl", tmp_path / "draft.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    other = {"path": "other.jsonl", "sha256": "cd" * 32, "rows": 9}
    (tmp_path / "manifest.json").write_text(json.dumps(
        {"files": [{"path": "rows.jsonl", "sha256": file_sha256(path), "rows": 6}, other]}))
    write_without(path, {3}, draft)
    write_claims(path, draft)
    said = json.loads((tmp_path / "manifest.json").read_text())["files"]
    assert said == [{"path": "rows.jsonl", "sha256": file_sha256(draft), "rows": 5}, other]
