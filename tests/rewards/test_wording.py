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


def test_richness_counts_different_content_words_up_to_twelve():
    assert richness("check the paper and the paper") == pytest.approx(2 / 12)  # check, paper
    assert richness(" ".join(f"word{i}" for i in range(30))) == 1.0


def test_safety_finds_phrases_word_for_word_whatever_the_case():
    assert safety("Please SHARE your pin, now", ["share your pin"]) == 0.0
    assert safety("share your pink umbrella", ["share your pin"]) == 1.0
    assert safety("anything", []) == 1.0
