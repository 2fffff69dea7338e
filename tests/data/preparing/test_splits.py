"""Splits by prompt: pure, stable, and never on two sides."""

import hashlib

import pytest

from tasks.data.preparing.splits import fraction, part_of, prompt_key
from tests.data.rows_on_disk import settings

PROMPTS = [f"How do I mend part {number}?" for number in range(4000)]


def counts(**changes: object) -> dict[str, int]:
    parts = [part_of(prompt, "auto", settings(**changes)) for prompt in PROMPTS]
    return {part: parts.count(part) for part in sorted(set(parts))}


def test_shares_are_what_they_say():
    found = counts(test_share=0.1, judge_share=0.2, validation_share=0.25)
    # expected 400, 800 and a quarter of the other 2800; three standard deviations are 57, 76 and 69
    assert abs(found["test"] - 400) < 57
    assert abs(found["judge"] - 800) < 76
    assert abs(found["validation"] - 700) < 69
    assert sum(found.values()) == 4000


def test_no_share_for_the_judge_gives_it_nothing():
    assert set(counts(judge_share=0.0)) == {"train", "validation", "test"}
    assert set(counts(test_share=0.0)) == {"train", "validation"}


def test_the_fraction_is_the_hash_of_salt_use_and_prompt():
    digest = hashlib.sha256(b"salt\x00held out\x00howcome").digest()
    wanted = int.from_bytes(digest[:8], "big") / 2**64
    assert fraction(" How come?\n", "salt", "held out") == pytest.approx(wanted, abs=1e-15)


@pytest.mark.parametrize("change", [str.upper, lambda text: f"  {text}\n", lambda text: text.replace(" ", "\t")])
def test_a_prompt_that_is_the_same_but_for_case_and_space_is_on_the_same_side(change):
    assert all(part_of(change(prompt), "auto", settings()) == part_of(prompt, "auto", settings())
               for prompt in PROMPTS[:500])


def test_another_salt_gives_another_division():
    moved = sum(part_of(prompt, "auto", settings(split_salt="a")) != part_of(prompt, "auto", settings(split_salt="b"))
                for prompt in PROMPTS)
    assert moved > 400


def test_sources_with_a_split_of_their_own_keep_it():
    assert {part_of(prompt, "test", settings()) for prompt in PROMPTS} == {"test"}
    assert {part_of(prompt, "train", settings()) for prompt in PROMPTS} == {"train", "validation"}


def test_a_prompt_that_a_train_source_has_too_is_never_held_out():
    held_out = [prompt for prompt in PROMPTS if part_of(prompt, "auto", settings()) == "test"]
    trained = {prompt_key(prompt) for prompt in held_out}
    assert "test" not in {part_of(prompt, "auto", settings(), trained) for prompt in held_out}


def test_validation_is_independent_of_what_is_held_out():
    kept = settings(test_share=0.3, judge_share=0.3, validation_share=0.2)
    rest = [part_of(prompt, "auto", kept) for prompt in PROMPTS]
    share = rest.count("validation") / (rest.count("validation") + rest.count("train"))
    assert 0.15 < share < 0.25  # one hash for both would make it 0 or 1
