"""HH-RLHF transcripts: turns alternate, the prompt is shared, the last answers differ."""

import pytest

from tasks.data.rows.refusals import RowRefused
from tasks.data.rows.transcripts import comparison_of

START = "\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: Why?\n\nAssistant:"


def reason(chosen: str, rejected: str = START + " no") -> str:
    with pytest.raises(RowRefused) as caught:
        comparison_of(chosen, rejected)
    return str(caught.value)


def test_the_prompt_is_every_turn_before_the_last_answer():
    row, inline = comparison_of(START + " Because. ", START + "No")
    assert row == {"prompt": "Human: Hi\n\nAssistant: Hello\n\nHuman: Why?", "chosen": "Because.", "rejected": "No"}
    assert not inline


def test_paragraphs_belong_to_their_turn():
    row, inline = comparison_of(START + " One.\n\nTwo: three", START + " No")
    assert row["chosen"] == "One.\n\nTwo: three"
    assert not inline


@pytest.mark.parametrize("answer", ["Human: yes", "97 Human: and more", "a\nAssistant: b"])
def test_a_role_marker_inside_a_turn_is_noticed(answer):
    assert comparison_of(f"{START} {answer}", START + " no")[1]
    assert comparison_of(START + " yes", f"{START} {answer}")[1]


@pytest.mark.parametrize(("chosen", "wanted"), [
    ("\n\nAssistant: Hi.\n\nHuman: a\n\nAssistant: b", "chosen: the transcript does not begin with a Human turn"),
    ("Well.\n\nHuman: Why?\n\nAssistant: So", "chosen: the transcript does not begin with a Human turn"),
    (START + " So\n\nHuman: Thanks.", "chosen: the transcript ends with a Human turn, there is no answer"),
    (START + " ", "chosen: turn 4 (Assistant) is empty"),
    ("\n\nHuman: \n\nAssistant: What?", "chosen: turn 1 (Human) is empty"),
    (START + " So\n\nAssistant: And", "chosen: turn 5 is a second Assistant turn in a row"),
    ("\n\nHuman: a\n\nHuman: b\n\nAssistant: c", "chosen: turn 2 is a second Human turn in a row"),
    ("\n\nuser: Why?\n\nassistant: So", "chosen: a turn has another role than Human and Assistant"),
    ("\n\nHUMAN: Why?\n\nAssistant: So", "chosen: a turn has another role than Human and Assistant"),
    ("\n\nHuman : Why?\n\nAssistant: So", "chosen: a turn has another role than Human and Assistant"),
    ("\n\nSystem: be nice\n\nHuman: a\n\nAssistant: b", "chosen: a turn has another role than Human and Assistant"),
    ("just some text", "chosen: no transcript, it has no Human: and Assistant: turns"),
    ("", "chosen: no transcript, it has no Human: and Assistant: turns"),
])
def test_a_malformed_transcript_is_refused(chosen, wanted):
    assert reason(chosen, chosen) == wanted
    assert reason(chosen).startswith(wanted)


def test_of_a_malformed_side_it_is_said_too_that_the_prompts_differ():
    fault = "chosen: turn 5 is a second Assistant turn in a row"
    assert reason(START + " So\n\nAssistant: And") == f"{fault}; the prompt differs between chosen and rejected, too"
    assert reason(START + " So\n\nAssistant: And", START + " So\n\nAssistant: But") == fault


def test_the_sides_must_share_their_prompt():
    other = START.replace("Why?", "Why not?")
    wanted = "the prompt (all turns before the last answer) differs between chosen and rejected"
    assert reason(other + " yes") == wanted
    assert reason(other + " no") == wanted + " and the answers are identical"
