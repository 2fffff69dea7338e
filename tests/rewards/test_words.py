"""What a word is, script by script; every rule with a text that another rule would divide otherwise."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.contracts.reward_config import WordsConfig
from tasks.rewards.words import Words


@pytest.mark.parametrize(("text", "expected"), [
    ("Check the tray, then re-check!", ["check", "the", "tray", "then", "re", "check"]),
    ("Straße ÉTÉ", ["strasse", "été"]),
    ("e\u0301te\u0301", ["été"]),  # in two forms the same word
    ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),  # vowel signs are no ends of words
    ("لا بأس", ["لا", "بأس"]),
    ("می\u200cخواهم", ["می\u200cخواهم"]),
    ("안녕 하세요", ["안녕", "하세요"]),  # Korean has spaces
    ("检查 A4纸盒。", ["检", "查", "a4", "纸", "盒"]),
    ("プリンターを", ["プ", "リ", "ン", "タ", "ー", "を"]),
    ("ที่นี่", ["ที่", "นี่"]),
    ("on 🙂👩‍👩‍👧 off", ["on", "off"]),
    ("… — ?", []),
    ("", []),
])
def test_words_are_those_of_the_script(text, expected):
    assert Words()(text) == expected


@pytest.mark.parametrize(("settings", "text", "expected"), [
    ({"punctuation": "keep"}, "So: 5%?", ["so", ":", "5", "%", "?"]),
    ({"punctuation": "keep"}, "好。👩‍👩‍👧👍🏽!", ["好", "。", "👩‍👩‍👧", "👍🏽", "!"]),
    ({"case": "keep"}, "The Straße", ["The", "Straße"]),
    ({"unicode": "NFKC"}, "ﬁne Ａ４", ["fine", "a4"]),
    ({"unicode": "NFC"}, "ﬁne Ａ４", ["fine", "ａ４"]),  # folding of case writes fi as two letters already
    ({"without_spaces": "whole"}, "检查纸盒 ที่นี่", ["检查纸盒", "ที่นี่"]),
])
def test_each_setting_does_what_it_says(settings, text, expected):
    assert Words(**settings)(text) == expected


@pytest.mark.parametrize(("stop_words", "text", "expected"), [
    (["the", "a"], "The cat and a hat", ["cat", "and", "hat"]),
    (["THE"], "the cat", ["cat"]),  # stop words are read as texts are
    (["in order to"], "in order to see in order", ["see", "in", "order"]),
    (["我们"], "我们看我", ["看", "我"]),
    (["in", "in order"], "in order in", []),
    (["", "..."], "the cat", ["the", "cat"]),
])
def test_stop_words_leave_nothing_but_the_others_in_their_order(stop_words, text, expected):
    assert Words(stop_words=stop_words)(text) == expected


@given(text=st.text())
def test_words_hold_every_letter_and_digit_once_and_no_white_space(text):
    found = "".join(Words(case="keep", punctuation="keep")(text))
    assert found == "".join(unicodedata.normalize("NFC", text).split())


@given(text=st.text(), settings=st.fixed_dictionaries({
    "unicode": st.sampled_from(["NFC", "NFKC"]), "without_spaces": st.sampled_from(["characters", "whole"])}))
def test_words_divided_again_are_the_same_words(text, settings):
    words = Words(case="keep", **settings)
    found = words(text)
    assert [again for word in found for again in words(word)] == found


def test_the_settings_name_what_may_be():
    assert Words.of(WordsConfig(stop_words=["the"]))("The cat") == ["cat"]
    with pytest.raises(ValidationError, match="stem"):
        WordsConfig.model_validate({"stem": True})
    with pytest.raises(ValidationError, match="case"):
        WordsConfig.model_validate({"case": "lower"})
