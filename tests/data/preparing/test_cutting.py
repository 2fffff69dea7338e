"""Prompts that are too long: what stays is the end, and neither the last turn nor the template is the first to go."""

import pytest

from tasks.contracts.data_config import TokensConfig
from tasks.data.preparing.base_tokenizer import load_base_tokenizer
from tasks.data.preparing.tokenizer import Layout, plain_ids, prompt_ids, train_tokenizer
from tests.models.kinds import CHAT, gpt2_tokenizer, llama_tokenizer, qwen_tokenizer

TURNS = ("Human: How do I mend a kettle?", "Assistant: Take it by hand and begin.", "Human: And two lamps?")
TRANSCRIPT = "\n\n".join(TURNS)
MAKERS = {"gpt2": gpt2_tokenizer, "llama": llama_tokenizer, "qwen": qwen_tokenizer,
          "own": lambda: train_tokenizer([*TURNS] * 9, TokensConfig(prompt=60, response=20, vocabulary=320))}


@pytest.fixture(scope="module", params=MAKERS)
def tokenizer(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizer")
    MAKERS[request.param]().save_pretrained(folder)
    return load_base_tokenizer(str(folder))


def length(tokenizer, text):
    return len(plain_ids(tokenizer, [text])[0])


def around(tokenizer):
    """The template's own tokens, by the template alone."""
    asked = [{"role": "user", "content": "x"}]
    before, _, after = tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True).partition("x")
    # a full stop before it: alone, llama's tokenizer puts a space before a line feed
    ids, dot = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in ("." + after, "."))
    return tokenizer(before, add_special_tokens=False)["input_ids"], ids[len(dot):]


def laid(tokenizer, text, room):
    """What stays of a prompt for which there is so much room beside the template, as text; the frame must be whole."""
    before, after = around(tokenizer)
    ids = prompt_ids(tokenizer, text, room + len(before) + len(after))
    assert ids[:len(before)] == before
    assert ids[len(ids) - len(after):] == after
    content = ids[len(before):len(ids) - len(after)]
    assert len(content) <= room
    return tokenizer.decode(content)


def test_a_prompt_that_just_fits_is_whole_and_one_token_less_of_room_takes_its_beginning(tokenizer):
    text = "Tell me about the boat, part 7."
    room = length(tokenizer, text)
    assert laid(tokenizer, text, room) == text
    cut = laid(tokenizer, text, room - 1)
    assert cut != text
    assert text.endswith(cut.lstrip())
    assert len(cut) > len(text) / 2


def test_of_a_transcript_the_oldest_turns_go_whole(tokenizer):
    later, last = "\n\n".join(TURNS[1:]), TURNS[2]
    assert laid(tokenizer, TRANSCRIPT, length(tokenizer, TRANSCRIPT)) == TRANSCRIPT
    assert laid(tokenizer, TRANSCRIPT, length(tokenizer, TRANSCRIPT) - 1) == later
    assert laid(tokenizer, TRANSCRIPT, length(tokenizer, later)) == later
    assert laid(tokenizer, TRANSCRIPT, length(tokenizer, later) - 1) == last
    assert laid(tokenizer, TRANSCRIPT, length(tokenizer, last)) == last


def test_of_a_last_turn_that_is_too_long_its_role_and_its_end_stay(tokenizer):
    cut = laid(tokenizer, TRANSCRIPT, length(tokenizer, TURNS[2]) - 1)
    assert cut.startswith("Human:")
    assert cut.endswith("lamps?")
    assert cut != TURNS[2]
    one = laid(tokenizer, TRANSCRIPT, 1)
    assert one
    assert TRANSCRIPT.endswith(one)


def test_a_text_that_only_speaks_of_turns_is_cut_as_any_other(tokenizer):
    text = "He wrote\n\nHuman: to me about it.\n\nAssistant: was the next word."
    cut = laid(tokenizer, text, length(tokenizer, text) - 1)
    assert text.endswith(cut.lstrip())
    assert not cut.startswith("Human:")
    assert "Human:" in cut


@pytest.mark.parametrize("text", ["问题是：怎样修理两盏灯？", "🙂🚣‍♀️👩‍👩‍👧‍👦🏳️‍🌈", "x\u0302x\u0302x\u0302x\u0302 नमस्ते"])
def test_what_stays_begins_with_a_whole_character(tokenizer, text):
    for room in range(length(tokenizer, text), 3, -1):  # a character has four bytes at most
        cut = laid(tokenizer, text, room)
        assert "\ufffd" not in cut
        assert text.endswith(cut.lstrip(" "))
        if room > 25:  # the family of four is one sign of 25 bytes
            assert not cut.startswith(("\u200d", "\ufe0f", "\u0302"))


def test_where_not_even_one_character_has_room_its_last_bytes_stay(tokenizer):
    text = "ok 👩‍👩‍👧‍👦"
    before, after = around(tokenizer)
    ids = prompt_ids(tokenizer, text, len(before) + len(after) + 2)
    assert len(ids) == len(before) + len(after) + 2


def test_cut_prompts_are_counted(tokenizer):
    before, after = around(tokenizer)
    text = "Tell me about the boat, part 7."
    room = length(tokenizer, text) + len(before) + len(after)
    layout = Layout(tokenizer, TokensConfig(prompt=room, response=20))
    layout.prompts([text, text + " Now!", text])
    assert (layout.prompts_cut, layout.prompts_laid) == (1, 3)


def test_the_frame_of_a_chat_template_is_its_own_rendering_of_a_prompt():
    tokenizer = qwen_tokenizer()
    whole = tokenizer.apply_chat_template([{"role": "user", "content": "two lamps"}], add_generation_prompt=True)
    assert "<|im_start|>system\nYou help.<|im_end|>" in CHAT
    assert tokenizer.decode(prompt_ids(tokenizer, "two lamps", 99)) == tokenizer.decode(whole["input_ids"]) == (
        "<|im_start|>system\nYou help.<|im_end|>\n<|im_start|>user\ntwo lamps<|im_end|>\n<|im_start|>assistant\n")
