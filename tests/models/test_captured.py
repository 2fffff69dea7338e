"""The step that a CUDA graph is made of, on any device; the graph itself where there is a GPU."""

import pytest
import torch

from tasks.models.captured import CapturedReader, StaticStep
from tasks.models.readers import begin_reading
from tests.models.test_readers import MASK, TOKENS, at_once, llama


@pytest.mark.parametrize("changes", [{}, {"num_key_value_heads": 2}])
@torch.no_grad()
def test_a_step_on_memory_that_stays_gives_the_scores_of_the_whole_row(changes):
    model = llama(**changes)
    _, reader = begin_reading(model, TOKENS[:, :4], MASK, room=4)
    step = StaticStep(reader)
    memory = [step.tokens.data_ptr(), step.places.data_ptr(), step.place.data_ptr(), step.seen.data_ptr()]
    for upto in range(5, 8):
        step.tokens.copy_(TOKENS[:, upto - 1])
        scores = step()
        for row in range(3):
            torch.testing.assert_close(scores[row], at_once(model, row, upto), atol=2e-6, rtol=0)
    assert memory == [step.tokens.data_ptr(), step.places.data_ptr(), step.place.data_ptr(), step.seen.data_ptr()]


@torch.no_grad()
def test_steps_that_were_taken_back_leave_no_trace():
    model = llama()
    step = StaticStep(begin_reading(model, TOKENS[:, :4], MASK, room=4)[1])
    for _ in range(3):
        with step.taken_back():
            step.tokens.fill_(16)
            step()
    step.tokens.copy_(TOKENS[:, 4])
    torch.testing.assert_close(step()[1], at_once(model, 1, 5), atol=2e-6, rtol=0)


@pytest.mark.gpu
@torch.no_grad()
def test_a_captured_step_is_replayed_with_new_tokens_and_rows_may_leave():
    model = llama().cuda()
    scores, reader = begin_reading(model, TOKENS[:, :4].cuda(), MASK.cuda(), room=4)
    assert type(reader) is CapturedReader
    rows = [0, 1, 2]
    for upto in range(4, 8):
        for place, row in enumerate(rows):
            torch.testing.assert_close(scores[place].cpu(), at_once(llama(), row, upto), atol=1e-4, rtol=0)
        if upto == 5:
            rows = [2, 0]
            reader.keep(torch.tensor(rows).cuda())
        scores = reader.read(TOKENS[rows, upto].cuda())
