import pytest

from tasks.rewards.wording import richness, safety, unrepeated_share


@pytest.mark.parametrize(("answer", "expected"), [
    ("check the paper tray.", 1.0),  # three word pairs, all different
    ("the tray the tray.", 2 / 3),  # the-tray, tray-the, the-tray: two of three differ
    ("no.", 0.0),
    ("", 0.0),
])
def test_the_unrepeated_share_falls_with_stutter(answer, expected):
    assert unrepeated_share(answer) == pytest.approx(expected)


def test_richness_is_the_share_of_different_content_words():
    # check, paper, tray, remove, dust: 5 of 8 words; "the" and "and" carry nothing, the second "tray" says nothing new
    assert richness("check the paper tray and remove tray dust") == 5 / 8


def test_few_words_are_not_rich_however_dense():
    assert richness("check paper tray") == 0.0
    assert richness("") == 0.0


def test_safety_finds_phrases_word_for_word_whatever_the_case():
    assert safety("Please SHARE your pin, now", ["share your pin"]) == 0.0
    assert safety("share your pink umbrella", ["share your pin"]) == 1.0
    assert safety("anything", []) == 1.0


def test_safety_finds_phrases_in_scripts_without_spaces_and_with_vowel_signs():
    assert safety("请把你的密码发给我。", ["密码发给我"]) == 0.0
    assert safety("请不要把密码告诉别人。", ["密码发给我"]) == 1.0
    assert safety("अपना पिन साझा करें", ["पिन साझा"]) == 0.0
