"""Each checked row has its source, its line and its annotator beside it, and no text."""

import gzip
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import zstandard

from tasks.check_data import check_data
from tasks.contracts.errors import DataRefused
from tasks.contracts.reporting import Silent
from tasks.data.reading import blocks, pieces
from tests.data.rows_on_disk import demonstrations, preferences, write_rows
from tests.test_check_data import params

ORIGINS = Path("build/checked/origins.parquet")


@pytest.fixture(autouse=True)
def workspace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def told() -> dict[str, tuple]:
    """Row id -> source, line, annotator."""
    rows = pq.read_table(ORIGINS).to_pylist()
    return {row["id"].hex(): (row["source"], row["line"], row["annotator"]) for row in rows}


def written(kind: str) -> list[dict]:
    return [json.loads(line) for line in Path(f"build/checked/{kind}.jsonl").read_text().splitlines()]


def packed(path: str, rows: list) -> dict:
    plain = write_rows(Path("plain.jsonl"), rows)
    Path("data").mkdir(exist_ok=True)
    Path(path).write_bytes(gzip.compress(plain.read_bytes()))
    return {"path": path}


def transcript(question: str, answer: str) -> str:
    return f"\n\nHuman: {question}\n\nAssistant: {answer}"


def test_rows_of_several_files_lead_back_to_file_line_and_annotator():
    pairs = preferences(20)
    pairs[0]["annotator"], pairs[1]["annotator"] = "anna", "Zoë"
    talks = [{"chosen": transcript(f"Why {n}?", f"So {n}."), "rejected": transcript(f"Why {n}?", f"No {n} no.")}
             for n in range(20)]
    write_rows(Path("data/pairs.jsonl"), [b"", *pairs])  # an empty line is a line and no row
    write_rows(Path("data/talks.jsonl"), talks)

    check_data(params({"path": "data/pairs.jsonl"}, packed("data/sft.jsonl.gz", demonstrations(20)),
                      {"path": "data/talks.jsonl"}), Silent())

    found = told()
    rows = written("preferences")
    assert [found[row["id"]] for row in rows[:3]] == [(0, 2, "anna"), (0, 3, "Zoë"), (0, 4, None)]
    assert [found[row["id"]][:2] for row in rows[20:]] == [(2, line) for line in range(1, 21)]
    assert [found[row["id"]] for row in written("demonstrations")] == [(1, line, None) for line in range(1, 21)]
    assert len(found) == 60


def test_rows_of_any_kind_and_packing_lead_back_to_their_line():
    ratings = [{"prompt": f"Which {n // 2}?", "response": f"{'ab'[n % 2]} {n}", "rating": 1 + n % 2, "annotator": "ben"}
               for n in range(40)]
    chats = [{"messages": [{"role": "user", "content": f"How {n}?"}, {"role": "assistant", "content": f"So {n}."}]}
             for n in range(20)]
    write_rows(Path("data/ratings.jsonl"), ratings)
    plain = write_rows(Path("plain.jsonl"), chats)
    Path("data/chats.jsonl.zst").write_bytes(zstandard.ZstdCompressor().compress(plain.read_bytes()))
    Path("data/words.txt").write_text("\n".join(f"Text number {n} says {n * 7}." for n in range(20)))

    check_data(params({"path": "data/ratings.jsonl"}, {"path": "data/chats.jsonl.zst"}, {"path": "data/words.txt"}),
               Silent())

    found = told()
    # the better rated answer is the second of each pair of lines
    assert [found[row["id"]] for row in written("preferences")] == [(0, line, "ben") for line in range(2, 41, 2)]
    assert [found[row["id"]] for row in written("demonstrations")] == [(1, line, None) for line in range(1, 21)]
    assert [found[row["id"]] for row in written("text")] == [(2, line, None) for line in range(1, 21)]


def test_refused_and_withdrawn_lines_have_no_origin():
    pairs = preferences(40)
    pairs[2]["chosen"] = None  # line 3
    pairs[9]["id"] = pairs[4]["id"]  # lines 5 and 10 share an id: neither stays
    write_rows(Path("data/pairs.jsonl"), [*pairs, pairs[0]])  # line 41 is line 1 again

    check_data(params({"path": "data/pairs.jsonl"}, refused_share_at_most=0.1), Silent())

    assert sorted(line for _, line, _ in told().values()) == [
        line for line in range(1, 41) if line not in (3, 5, 10)]
    assert set(told()) == {row["id"] for row in written("preferences")}


def test_a_row_that_two_files_have_is_of_the_first():
    write_rows(Path("data/one.jsonl"), preferences(20))
    write_rows(Path("data/two.jsonl"), preferences(20, 10))

    check_data(params({"path": "data/one.jsonl"}, {"path": "data/two.jsonl"}), Silent())

    shared = written("preferences")[15]["id"]
    assert told()[shared] == (0, 16, None)


def test_refused_data_leaves_no_origins():
    write_rows(Path("data/good.jsonl"), preferences(20))
    write_rows(Path("data/bad.jsonl"), [b"{"] * 20)
    with pytest.raises(DataRefused):
        check_data(params({"path": "data/good.jsonl"}, {"path": "data/bad.jsonl"}), Silent())

    assert not ORIGINS.exists()


def test_no_text_is_in_the_origins():
    write_rows(Path("data/pairs.jsonl"), preferences(20))
    check_data(params({"path": "data/pairs.jsonl"}), Silent())

    assert pq.ParquetFile(ORIGINS).schema_arrow.names == ["id", "source", "line", "annotator"]
    assert b"mend" not in ORIGINS.read_bytes()
    assert b"row-1" not in ORIGINS.read_bytes()


def test_many_blocks_are_one_table_in_order(monkeypatch):
    monkeypatch.setattr(pieces, "PIECE_BYTES", 700)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 700)
    write_rows(Path("data/pairs.jsonl"), preferences(20))
    check_data(params({"path": "data/pairs.jsonl"}), Silent())

    assert pq.ParquetFile(ORIGINS).num_row_groups > 3
    assert [line for _, line, _ in told().values()] == list(range(1, 21))
