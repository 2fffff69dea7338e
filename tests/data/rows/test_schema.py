"""From raw rows to canonical rows: what is kept, what is refused, what is noticed."""

import math

import pytest

from tasks.contracts.data_config import Kind
from tasks.data.rows.refusals import RowRefused
from tasks.data.rows.schema import Canonical, canonical_row, kind_of

PAIR = {"prompt": "Why?", "chosen": "Because.", "rejected": "No."}


def canonical(kind: Kind, raw: dict, **columns: str) -> Canonical:
    return canonical_row(kind, raw, columns, characters_at_most=100)


def reason(kind: Kind, raw: dict) -> str:
    with pytest.raises(RowRefused) as caught:
        canonical(kind, raw)
    return str(caught.value)


def test_known_fields_are_kept_and_others_are_named():
    raw = PAIR | {"id": "r1", "margin": 2, "annotator": "a", "votes": {"x": 1}, "topic": None, "slice": ""}
    row, signs, unknown = canonical("preferences", raw)
    assert row == PAIR | {"id": "r1", "margin": 2.0, "annotator": "a"}
    assert signs == ()
    assert unknown == {"votes"}


@pytest.mark.parametrize(("names", "kind"), [
    ({"id", "prompt", "chosen", "rejected"}, "preferences"), ({"chosen", "rejected"}, "transcripts"),
    ({"prompt", "response"}, "demonstrations"), ({"instruction", "input", "output"}, "demonstrations"),
    ({"question", "answer"}, "demonstrations"), ({"prompt", "completion"}, "demonstrations"),
    ({"prompt", "slice"}, "prompts"), ({"text"}, "text"), ({"a", "b"}, None), (set(), None),
])
def test_the_kind_is_told_from_the_names(names, kind):
    assert kind_of(names) == kind


@pytest.mark.parametrize(("change", "wanted"), [
    ({"chosen": 42}, "chosen has the wrong type: an integer, wanted a string"),
    ({"chosen": True}, "chosen has the wrong type: a boolean, wanted a string"),
    ({"chosen": ["a"]}, "chosen has the wrong type: a list, wanted a string"),
    ({"chosen": {"role": "x"}}, "chosen has the wrong type: an object, wanted a string"),
    ({"prompt": 3.5}, "prompt has the wrong type: a number, wanted a string"),
    ({"prompt": None}, "prompt is null, wanted a string"),
    ({"id": {"a": 1}}, "id has the wrong type: an object, wanted a string"),
    ({"id": 7}, "id has the wrong type: an integer, wanted a string"),
    ({"id": " "}, "id is empty"),
    ({"id": "x" * 257}, "id has 257 characters, at most 256 may be"),
    ({"margin": "2"}, "margin has the wrong type: a string, wanted a number"),
    ({"margin": True}, "margin has the wrong type: a boolean, wanted a number"),
    ({"margin": math.nan}, "margin is a number out of the range of float32"),
    ({"margin": math.inf}, "margin is a number out of the range of float32"),
    ({"rejected": " \n"}, "rejected is empty"),
    ({"chosen": " \u200b\u2060 \ufeff"}, "chosen is empty but for invisible characters"),
    ({"rejected": "x" * 101}, "rejected has 101 characters, at most 100 may be"),
    ({"prompt": "a\ud800"}, "prompt holds half of a surrogate pair, which no UTF-8 can hold"),
    ({"annotator": "\udfff"}, "annotator holds half of a surrogate pair"),
    ({"rejected": "Because."}, "chosen and rejected are identical"),
    ({"rejected": "  BECAUSE.\n"}, "chosen and rejected are the same but for case, white space or Unicode form"),
])
def test_a_row_is_refused_with_what_was_found(change, wanted):
    canonical("preferences", PAIR)  # the twin that passes
    assert reason("preferences", PAIR | change) == wanted


def test_all_missing_fields_are_named_at_once():
    assert reason("preferences", {"rejected": 1}) == (
        "prompt is missing; chosen is missing; rejected has the wrong type: an integer, wanted a string")


def test_answers_that_differ_in_unicode_form_alone_are_the_same():
    raw = PAIR | {"chosen": "caf\u00e9", "rejected": "cafe\u0301"}
    assert reason("preferences", raw) == "chosen and rejected are identical"  # both are NFC by then


def test_text_is_kept_byte_for_byte_but_for_nfc():
    raw = {"prompt": " \u200d नमस्ते\r\n", "response": "e\u0301 👩‍👩‍👧 \t x  "}
    assert canonical("demonstrations", raw).row == {"prompt": " \u200d नमस्ते\r\n", "response": "é 👩‍👩‍👧 \t x  "}


def test_input_follows_its_instruction():
    raw = {"instruction": "Add.", "input": "1, 2", "output": "3"}
    assert canonical("demonstrations", raw) == ({"prompt": "Add.\n\n1, 2", "response": "3"}, (), frozenset())
    assert canonical("demonstrations", raw | {"input": ""}).row["prompt"] == "Add."
    assert reason("demonstrations", raw | {"input": 3}) == "input has the wrong type: an integer, wanted a string"


def test_history_becomes_part_of_the_prompt():
    row, signs, unknown = canonical("preferences", PAIR | {"history": [["Hi", "Hello"], ["Ok?", "Yes"]]})
    assert row["prompt"] == "Human: Hi\n\nAssistant: Hello\n\nHuman: Ok?\n\nAssistant: Yes\n\nHuman: Why?"
    assert signs == ("history",)
    assert unknown == set()
    assert canonical("preferences", PAIR | {"history": []}) == (PAIR, (), frozenset())


@pytest.mark.parametrize("history", [["Hi"], [["Hi"]], [["Hi", 3]], [["Hi", " "]]])
def test_a_broken_history_is_refused(history):
    assert reason("preferences", PAIR | {"history": history}).startswith("history ")


def test_columns_may_have_other_names():
    raw = {"q": "Why?", "good": "Because.", "bad": "No.", "prompt": "something else", "extra": 1}
    row, _, unknown = canonical("preferences", raw, prompt="q", chosen="good", rejected="bad")
    assert row == PAIR
    assert unknown == {"extra"}
