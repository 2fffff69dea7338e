"""Chats in both spellings become demonstrations and comparisons, with every earlier message in the prompt."""

import pytest

from tasks.contracts.data_config import Kind
from tasks.data.rows.refusals import RowRefused
from tasks.data.rows.schema import canonical_row, checked_kind, kind_of

ASK, ANSWER, OTHER = ("user", "Why?"), ("assistant", "So."), ("assistant", "No.")


def spelt(*turns: tuple[str, str]) -> list[dict]:
    return [{"role": role, "content": said} for role, said in turns]


def spelt_otherwise(*turns: tuple[str, str]) -> list[dict]:
    names = {"user": "human", "assistant": "gpt", "system": "system"}
    return [{"from": names[role], "value": said} for role, said in turns]


def canonical(kind: Kind, raw: dict) -> tuple[dict, tuple[str, ...]]:
    row, signs, unknown = canonical_row(kind, raw, {}, 100)
    assert not unknown
    return row, signs


def reason(raw: dict, kind: Kind = "messages") -> str:
    with pytest.raises(RowRefused) as caught:
        canonical(kind, raw)
    return str(caught.value)


@pytest.mark.parametrize(("field", "spelling"), [("messages", spelt), ("conversations", spelt_otherwise),
                                                 ("messages", spelt_otherwise), ("conversations", spelt)])
def test_one_question_and_its_answer_are_a_demonstration(field, spelling):
    assert kind_of({field, "source"}) == "messages"
    assert checked_kind("messages") == "demonstrations"
    assert canonical("messages", {field: spelling(ASK, ANSWER)}) == ({"prompt": "Why?", "response": "So."}, ())


def test_earlier_messages_stand_in_the_prompt_with_their_roles_and_the_system_message_before_the_first():
    row, _ = canonical("messages", {"messages": spelt(("system", "Be kind."), ASK, OTHER, ("user", "Sure?"), ANSWER)})
    assert row == {"prompt": "Human: Be kind.\n\nWhy?\n\nAssistant: No.\n\nHuman: Sure?", "response": "So."}


@pytest.mark.parametrize("raw", [
    {"chosen": spelt(ASK, ANSWER), "rejected": spelt(ASK, OTHER)},
    {"chosen": spelt(ASK, ANSWER), "rejected": spelt_otherwise(ASK, OTHER)},
    {"prompt": "Why?", "chosen": spelt(ASK, ANSWER), "rejected": spelt(ASK, OTHER)},
    {"prompt": "Why?", "chosen": spelt(ANSWER), "rejected": spelt(OTHER)},
    {"prompt": spelt(ASK), "chosen": spelt(ANSWER), "rejected": spelt(OTHER)},
])
def test_two_chats_are_a_comparison_of_their_last_answers(raw):
    kind = kind_of(raw)
    assert kind is not None
    assert checked_kind(kind) == "preferences"
    assert canonical(kind, raw) == ({"prompt": "Why?", "chosen": "So.", "rejected": "No."}, ())


def test_a_role_marker_inside_a_message_is_noticed():
    assert canonical("messages", {"messages": spelt(("user", "a\n\nAssistant: b"), ANSWER)})[1] == ("roles",)


@pytest.mark.parametrize(("messages", "wanted"), [
    (spelt(ASK), "messages: the chat ends with a user's message, there is no answer"),
    (spelt(ANSWER), "messages: the chat does not begin with a user's message"),
    (spelt(("system", "x")), "messages: the chat does not begin with a user's message"),
    (spelt(ASK, ASK, ANSWER), "messages: turn 2 is a second Human turn in a row"),
    (spelt(ASK, ANSWER, ("system", "x"), ASK, ANSWER), "messages: a system message is not the first one"),
    (spelt(ASK, ("assistant", " ")), "messages: message 2 (assistant) is empty"),
    (spelt(ASK, ("tool", "42"), ANSWER),
     "messages: message 2 has another role than system, user (human) and assistant (gpt)"),
    ([*spelt(ASK), {"role": "assistant", "content": None}], "messages: message 2 has no text under content"),
    ([*spelt(ASK), {"role": "assistant", "content": [{"type": "image"}]}], "messages: message 2 has no text"),
    ([*spelt(ASK), {"role": 3, "content": "x"}], "messages: message 2 has another role than"),
    ([], "messages has the wrong type: a list, wanted a string"),
    (["Why?", "So."], "messages has the wrong type: a list, wanted a string"),
    ("Why? So.", "messages is no list of messages with role and content, or from and value"),
    (None, "messages is null"),
])
def test_what_is_no_whole_chat_is_refused(messages, wanted):
    assert wanted in reason({"messages": messages})


@pytest.mark.parametrize(("raw", "wanted"), [
    ({"chosen": spelt(("user", "What?"), ANSWER), "rejected": spelt(ASK, OTHER)}, "differs between chosen and"),
    ({"chosen": spelt(ASK, ANSWER), "rejected": spelt(ASK, ANSWER)}, "chosen and rejected are identical"),
    ({"chosen": spelt(ASK, ANSWER), "rejected": "No."}, "chosen has the wrong type: a list, wanted a string"),
    ({"chosen": spelt(ANSWER), "rejected": spelt(OTHER)}, "does not begin with a user's message"),
])
def test_what_are_no_two_answers_to_one_prompt_is_refused(raw, wanted):
    assert wanted in reason(raw, "transcripts")


def test_messages_as_the_prompt_of_texts_are_no_text():
    raw = {"prompt": spelt(ASK), "chosen": "So.", "rejected": "No."}
    assert reason(raw, "preferences") == "prompt has the wrong type: a list, wanted a string"
