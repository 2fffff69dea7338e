import torch

from tasks.models.generation import generate
from tasks.models.workers import use_workers
from tests.models.tiny import END, PAD, tiny_model

PROMPTS = [[1, 5, 6, 7], [1, 8], [1, 9, 4], [1, 5]] * 8


def sample(model, prompts, seed=3, most_tokens=12, temperature=1.0):
    return generate(model, prompts, most_tokens=most_tokens, end=END, pad=PAD,
                    generator=torch.Generator().manual_seed(seed), temperature=temperature)


def test_every_response_ends_at_its_first_end_token_or_at_the_limit():
    sequences = sample(tiny_model(), PROMPTS)
    lengths = set()
    for row in range(len(PROMPTS)):
        response = sequences.response(row)
        lengths.add(len(response))
        assert END not in response[:-1]
        assert response[-1] == END or len(response) == 12
    assert len(lengths) > 3  # some ended early, some did not: both paths were taken


def test_prompts_come_back_unchanged():
    sequences = sample(tiny_model(), PROMPTS)
    assert [sequences.tokens[row, : len(prompt)].tolist() for row, prompt in enumerate(PROMPTS)] == PROMPTS


def test_the_same_seed_gives_the_same_tokens_and_another_seed_others():
    model = tiny_model()
    assert torch.equal(sample(model, PROMPTS).tokens, sample(model, PROMPTS).tokens)
    assert not torch.equal(sample(model, PROMPTS).response_lengths, sample(model, PROMPTS, seed=4).response_lengths)


def test_padding_and_leaving_rows_do_not_change_what_the_model_would_say():
    model = tiny_model()
    sequences = sample(model, PROMPTS, temperature=1e-4)  # next to greedy: no luck in it
    for row in range(4):
        tokens = list(PROMPTS[row])
        while len(tokens) < len(PROMPTS[row]) + 12 and tokens[-1] != END:
            tokens.append(int(model(input_ids=torch.tensor([tokens])).logits[0, -1].argmax()))
        assert sequences.response(row) == tokens[len(PROMPTS[row]) :]


def test_a_row_is_written_the_same_whoever_writes_beside_it():
    model = tiny_model()
    alone = [sample(model, PROMPTS[:count]).response(0) for count in (2, 4, 16)]
    assert alone[0] == alone[1] == alone[2]


def test_parts_written_side_by_side_are_those_written_one_after_the_other():
    model = tiny_model()
    one = sample(model, PROMPTS)
    use_workers(2)
    try:
        two = sample(model, PROMPTS)
    finally:
        use_workers(1)
    assert torch.equal(one.tokens, two.tokens)
