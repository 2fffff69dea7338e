"""Tokenizers: lossless, without unknown tokens, the same bytes every time; and the layout of prompts and responses."""

import hashlib
import itertools
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, GPT2Config, PreTrainedTokenizerFast

from tasks.contracts.data_config import TokensConfig
from tasks.contracts.errors import ParamsInvalid
from tasks.data.preparing.base_tokenizer import load_base_tokenizer
from tasks.data.preparing.tokenizer import SPECIAL_TOKENS, Layout, plain_ids, prompt_ids, train_tokenizer
from tests.models.kinds import gpt2_tokenizer, llama_tokenizer, qwen_tokenizer

TEXTS = ["the cat sat on the mat", "the dog sat on the log", "why does the cat sit?"] * 20
TOKENS = TokensConfig(prompt=16, response=12, vocabulary=320)


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(TEXTS, TOKENS)


@pytest.mark.parametrize("text", [
    "中文回答：四十二。", "👩‍👩‍👧‍👦 🏳️‍🌈", "नमस्ते ไทย عربى", " a  b\t\n\r\n",
    "\x00\u2028\ufeff\x7f", "<eos> <pad>", "ﬁ ½ e\u0301", "",
])
def test_any_text_comes_back_as_it_was(tokenizer, text):
    (ids,) = plain_ids(tokenizer, [text])
    assert tokenizer.decode(ids) == text
    assert tokenizer.unk_token_id is None


@given(text=st.text())
@settings(max_examples=300, deadline=None)
def test_no_text_at_all_is_lost_or_unknown(tokenizer, text):
    text = unicodedata.normalize("NFC", text)
    (ids,) = plain_ids(tokenizer, [text])
    assert tokenizer.decode(ids) == text
    assert all(len(SPECIAL_TOKENS) <= token < len(tokenizer) for token in ids)


@given(text=st.text(st.sampled_from("a 中🙂👩\u200d\ufe0f\u0301لا\u202e\x00\x1b\r\n\t\u00a0<eos>"), max_size=40))
@settings(max_examples=300, deadline=None)
def test_no_mix_of_scripts_joiners_and_control_characters_is_lost(tokenizer, text):
    (ids,) = plain_ids(tokenizer, [text])
    assert tokenizer.decode(ids) == text
    assert tokenizer.decode(ids, skip_special_tokens=True) == text  # as answers are decoded


def test_special_tokens_have_the_first_ids_and_typing_one_does_not_make_one(tokenizer):
    assert tokenizer.convert_tokens_to_ids(list(SPECIAL_TOKENS)) == [0, 1, 2, 3, 4]
    assert min(plain_ids(tokenizer, ["a <eos> <user>"])[0]) > 4
    assert tokenizer("a<eos>", add_special_tokens=False)["input_ids"][-1] == 2  # the twin: read as a token elsewhere


def test_a_saved_tokenizer_is_the_same_and_knows_its_length(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path)
    again = AutoTokenizer.from_pretrained(tmp_path)
    assert again.model_max_length == 28
    assert plain_ids(again, TEXTS) == plain_ids(tokenizer, TEXTS)
    assert again.pad_token_id == 0


def test_the_same_texts_give_the_same_bytes_in_another_process(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path / "here")
    program = (
        "from tests.data.preparing.test_tokenizer import TEXTS, TOKENS, train_tokenizer\n"
        f"train_tokenizer(iter(TEXTS), TOKENS).save_pretrained({str(tmp_path / 'there')!r})\n")
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[3])
    digests = [{path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (tmp_path / place).iterdir()}
               for place in ("here", "there")]
    assert digests[0] == digests[1]
    assert set(digests[0]) == {"tokenizer.json", "tokenizer_config.json", "chat_template.jinja"}


def test_the_layout_is_that_of_the_chat_template(tokenizer):
    layout = Layout(tokenizer, TOKENS)
    (prompt,) = layout.prompts(["the cat"])
    template = tokenizer.apply_chat_template(
        [{"role": "user", "content": "the cat"}], add_generation_prompt=True)["input_ids"]
    assert prompt == template
    assert [prompt[0], prompt[1], prompt[-1]] == [1, 3, 4]
    (response,) = layout.responses(["the mat"])
    whole = tokenizer.apply_chat_template(
        [{"role": "user", "content": "the cat"}, {"role": "assistant", "content": "the mat"}])["input_ids"]
    assert prompt + response == whole


def test_a_long_prompt_loses_its_beginning_and_keeps_the_template(tokenizer):
    layout = Layout(tokenizer, TOKENS)
    content = plain_ids(tokenizer, ["why " * 30])[0]
    (prompt,) = layout.prompts(["why " * 30])
    assert prompt == [1, 3, *content[-13:], 4]  # 16 tokens, 3 of them the template's
    assert prompt_ids(tokenizer, "why " * 30, 16) == prompt
    assert layout.prompts_cut == 1
    exact = tokenizer.decode(content[-13:])
    assert layout.prompts([exact]) == [prompt]
    assert layout.prompts_cut == 1  # 13 tokens fit


def test_a_response_that_is_cut_has_no_end_token(tokenizer):
    layout = Layout(tokenizer, TOKENS)
    eleven = "?" * 11
    assert layout.responses([eleven]) == [[*plain_ids(tokenizer, [eleven])[0], 2]]
    assert layout.responses_cut == 0
    twelve = "?" * 12
    assert layout.responses([twelve]) == [plain_ids(tokenizer, [twelve])[0]]
    assert layout.responses_cut == 1


def test_a_passage_is_cut_into_pieces_that_lose_nothing(tokenizer):
    (pieces,) = Layout(tokenizer, TOKENS).passages(["?" * 60])
    assert [len(piece) for piece in pieces] == [28, 28, 6]  # 60 and the begin and end tokens
    assert [*itertools.chain(*pieces)] == [1, *plain_ids(tokenizer, ["?" * 60])[0], 2]


def test_a_passage_leaves_no_piece_of_one_token(tokenizer):
    (pieces,) = Layout(tokenizer, TOKENS).passages(["?" * 27])  # 29 tokens: the last one would stand alone
    assert [len(piece) for piece in pieces] == [28]


def test_a_prompt_length_below_the_template_is_refused(tokenizer):
    with pytest.raises(ParamsInvalid, match="no room for the prompt"):
        prompt_ids(tokenizer, "a", 3)
    assert len(prompt_ids(tokenizer, "a b c", 4)) == 4


# --- tokenizers of base models ---


def base(folder: Path, **settings) -> str:
    """A small byte-level tokenizer as other people's models have them."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    bpe.train_from_iterator(TEXTS, trainers.BpeTrainer(
        vocab_size=320, special_tokens=["<s>", "</s>"], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    if settings.pop("begins", False):
        bpe.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    PreTrainedTokenizerFast(tokenizer_object=bpe, **settings).save_pretrained(folder)
    return str(folder)


def test_a_base_tokenizer_without_pad_and_template_is_completed(tmp_path):
    tokenizer = load_base_tokenizer(base(tmp_path, eos_token="</s>"))
    assert tokenizer.pad_token_id == tokenizer.eos_token_id
    line_feed = plain_ids(tokenizer, ["\n"])[0]
    assert prompt_ids(tokenizer, "the cat", 16) == plain_ids(tokenizer, ["the cat"])[0] + line_feed


def test_a_base_tokenizer_that_begins_with_a_token_keeps_doing_so(tmp_path):
    tokenizer = load_base_tokenizer(base(tmp_path, bos_token="<s>", eos_token="</s>", begins=True))
    prompt = prompt_ids(tokenizer, "the cat", 16)
    assert prompt[0] == tokenizer.bos_token_id
    assert prompt.count(tokenizer.bos_token_id) == 1
    twin = load_base_tokenizer(base(tmp_path / "twin", bos_token="<s>", eos_token="</s>"))
    assert prompt_ids(twin, "the cat", 16)[0] != twin.bos_token_id


def test_the_template_and_pad_token_of_a_base_model_are_kept(tmp_path):
    template = "{% for m in messages %}[{{ m['role'] }}] {{ m['content'] }} {% endfor %}[answer]"
    folder = base(tmp_path, eos_token="</s>", pad_token="<s>", chat_template=template)
    tokenizer = load_base_tokenizer(folder)
    assert tokenizer.pad_token == "<s>"
    assert tokenizer.decode(prompt_ids(tokenizer, "the cat", 40)) == "[user] the cat [answer]"


def test_a_base_model_without_tokenizer_or_end_token_is_refused(tmp_path):
    with pytest.raises(ParamsInvalid, match="no tokenizer that transformers can load"):
        load_base_tokenizer(str(tmp_path))
    with pytest.raises(ParamsInvalid, match="without an end token"):
        load_base_tokenizer(base(tmp_path / "endless"))


def test_a_model_beside_which_no_tokenizer_lies_is_refused_and_gets_no_empty_one(tmp_path):
    GPT2Config(vocab_size=40).save_pretrained(tmp_path)
    assert len(AutoTokenizer.from_pretrained(tmp_path)) == 1  # what transformers makes of it
    with pytest.raises(ParamsInvalid, match="no entry but special tokens"):
        load_base_tokenizer(str(tmp_path))


@pytest.mark.parametrize("name", ["nobody/nothing", "nothing", "no/such/folder"])
def test_a_name_that_is_neither_a_folder_nor_can_be_fetched_is_one_clear_message(name):
    with pytest.raises(ParamsInvalid, match=r"is no folder here.*can be fetched; wanted a folder .* or the hub name"):
        load_base_tokenizer(name)


def test_a_template_that_asks_for_the_date_lays_out_the_same_prompt_on_every_day(tmp_path):
    template = ("{% if strftime_now is defined %}{{ strftime_now('%Y-%m-%d') }}{% endif %} "
                "{% for m in messages %}{{ m['content'] }}{% endfor %}!")
    folder, asked = base(tmp_path, eos_token="</s>", chat_template=template), [{"role": "user", "content": "the cat"}]
    tokenizer = load_base_tokenizer(folder)
    assert tokenizer.decode(prompt_ids(tokenizer, "the cat", 40)) == "2024-07-26 the cat!"
    tokenizer.save_pretrained(tmp_path / "policy")
    for place, same in ((tmp_path / "policy", True), (folder, False)):
        said = AutoTokenizer.from_pretrained(place).apply_chat_template(asked, tokenize=False)
        assert (said == "2024-07-26 the cat!") == same


@pytest.mark.parametrize("make", [gpt2_tokenizer, llama_tokenizer, qwen_tokenizer])
def test_what_follows_a_prompt_is_encoded_as_it_is_there(tmp_path, make):
    make().save_pretrained(tmp_path)
    tokenizer = load_base_tokenizer(str(tmp_path))
    asked = [{"role": "user", "content": "Tell me about the boat."}]
    whole = tokenizer.apply_chat_template(asked, add_generation_prompt=True)["input_ids"]
    assert prompt_ids(tokenizer, asked[0]["content"], 60)[-4:] == whole[-4:]
