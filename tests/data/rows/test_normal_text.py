"""When two texts count as the same."""

import pytest

from tasks.data.rows.normal_text import key, letters_and_digits, normal, same_prompt


@pytest.mark.parametrize(("one", "other"), [
    ("How much?", " how  MUCH"), ("A shelf. How many?", "A SHELF . HOW MANY ?"),
    ("3 + 2", "3+2"), ("caf\u00e9", "cafe\u0301"),
    ("什么？", "什么"), ("Go!", "go..."),
])
def test_prompts_that_ask_the_same_are_the_same(one, other):
    assert same_prompt(one) == same_prompt(other)


@pytest.mark.parametrize(("one", "other"), [("3 + 2", "3 - 2"), ("x²", "x2"), ("?", "!"), ("a, b", "a b"), ("", " a")])
def test_prompts_that_differ_inside_are_two(one, other):
    assert same_prompt(one) != same_prompt(other)


def test_normal_keeps_words_apart_and_signs():
    assert normal("  No  Where?\n") == "no where?"
    assert normal("nowhere?") != normal("no where?")


def test_letters_and_digits_fall_back_where_there_are_none():
    assert letters_and_digits("Ａ-1 (ﬁ) é_ß") == "a1fiéss"
    assert letters_and_digits("A-1 b_c") == "a1bc"
    assert letters_and_digits("👍 👍") == "👍 👍"
    assert letters_and_digits("!") != letters_and_digits("?")


def test_keys_tell_texts_and_their_borders_apart():
    assert key("a", "bc") != key("ab", "c")
    assert key("a") == key("a")
    assert 0 <= key("a\ud800") < 1 << 64
