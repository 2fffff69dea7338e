"""Every way in which training reads a model, held against transformers' own forward pass, for each kind of base."""

import copy

import peft
import pytest
import torch

from tasks.contracts.errors import ParamsInvalid
from tasks.contracts.learning_config import LoRAConfig
from tasks.models.adapters import merged, save_adapter, with_adapters
from tasks.models.folders import load_scorer
from tasks.models.log_probs import response_log_probs
from tasks.models.memory import checkpoint_activations
from tasks.models.packing import pack, refuse_leaks
from tasks.models.readers import begin_reading
from tasks.models.scorers import response_values, sequence_scores
from tasks.models.sequences import join
from tests.models.kinds import KINDS

SEQUENCES = join([[11, 5, 6], [12, 7], [13, 8, 9, 10]], [[8, 9, 2, 30], [4, 2], [41]], pad=0)
CLOSE = 1e-4
NOT_PACKED = {"opt", "bloom"}  # where a sequence begins is not told by its positions
LINEAR = {  # the layers of a block that get adapters, by their names in the model
    "gpt2": ["c_attn", "c_fc", "c_proj"],  # Conv1D, attention in one
    "gpt_neox": ["dense", "dense_4h_to_h", "dense_h_to_4h", "query_key_value"],  # attention in one
    "opt": ["fc1", "fc2", "k_proj", "out_proj", "q_proj", "v_proj"],
    "bloom": ["dense", "dense_4h_to_h", "dense_h_to_4h", "query_key_value"],
    "phi": ["dense", "fc1", "fc2", "k_proj", "q_proj", "v_proj"],
    "mixtral": ["k_proj", "o_proj", "q_proj", "v_proj"],  # experts are no linear layers
}
LLAMA_LINEAR = ["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"]


@pytest.fixture(params=KINDS)
def name(request):
    return request.param


@pytest.fixture
def model(name):
    return KINDS[name].model(KINDS[name].tokenizer()).float()


@torch.no_grad()
def own_log_probs(model, tokens):
    """Log-probabilities of what follows each token of one sequence, float64 [time, vocabulary]."""
    return torch.log_softmax(model(input_ids=torch.tensor([tokens])).logits[0].double(), -1)


def own_of_responses(model, sequences=SEQUENCES):
    """The same numbers as response_log_probs, each sequence alone; a list a sequence."""
    found = []
    for row in range(len(sequences)):
        start, response = int(sequences.prompt_lengths[row]), sequences.response(row)
        whole = own_log_probs(model, sequences.tokens[row, :start + len(response)].tolist())
        found.append(torch.stack([whole[start + place - 1, token] for place, token in enumerate(response)]))
    return found


def assert_close(log_probs, wanted):
    for row, values in enumerate(wanted):
        torch.testing.assert_close(log_probs[row, :len(values)].double(), values, atol=CLOSE, rtol=0)


def test_log_probabilities_of_padded_rows_are_its_own(model):
    assert_close(response_log_probs(model, SEQUENCES)[0], own_of_responses(model))


def test_log_probabilities_of_packed_rows_are_its_own_or_packing_is_refused(model, name):
    if name in NOT_PACKED:
        with pytest.raises(ParamsInvalid, match=f"type {KINDS[name].model_type}"):
            refuse_leaks(model)
        return
    refuse_leaks(model)
    (packed,) = pack(SEQUENCES, 24, width=12)
    found = response_log_probs(model, SEQUENCES.rows(packed.index), packed=packed)[0]
    assert_close(found, [own_of_responses(model)[row] for row in packed.index])


@torch.no_grad()
def test_scores_read_token_by_token_are_its_own_though_rows_are_padded_and_leave(model):
    rows = [[11, 5, 6, 7, 30, 31, 32, 33, 34], [12, 8, 35, 36, 37, 38, 39]]  # 4 and 2 tokens first, the rest one by one
    tokens, mask = torch.tensor([rows[0][:4], [0, 0, *rows[1][:2]]]), torch.tensor([[1] * 4, [0, 0, 1, 1]])
    scores, reader = begin_reading(model, tokens, mask, room=5)
    alive = [0, 1]
    for step in range(5):
        for place, row in enumerate(alive):
            read = rows[row][:(4, 2)[row] + step]
            torch.testing.assert_close(torch.log_softmax(scores[place].double(), -1), own_log_probs(model, read)[-1],
                                       atol=CLOSE, rtol=0)
        if step == 2:
            alive = [1]
            reader.keep(torch.tensor(alive))
        scores = reader.read(torch.tensor([rows[row][(4, 2)[row] + step] for row in alive]))


# --- adapters ---


def adapted(model):
    return with_adapters(model, LoRAConfig(rank=2, alpha=4.0), generator=torch.Generator().manual_seed(1))


def taught(model):
    """Five steps away from where it began."""
    optimiser = torch.optim.AdamW([weight for weight in model.parameters() if weight.requires_grad], lr=0.02)
    for _ in range(5):
        optimiser.zero_grad()
        (response_log_probs(model, SEQUENCES)[0] - 1).square().sum().backward()
        optimiser.step()
    return model


def test_adapters_lie_beside_the_linear_layers_of_the_kind_and_change_nothing_at_first(model, name):
    before = response_log_probs(model, SEQUENCES)[0]
    adapted(model)
    targets = {part.rpartition(".lora_A")[0].rpartition(".")[2] for part, _ in model.named_parameters()
               if ".lora_A." in part}
    assert sorted(targets) == LINEAR.get(name.partition(",")[0], LLAMA_LINEAR)
    assert torch.equal(response_log_probs(model, SEQUENCES)[0], before)


def test_what_adapters_learned_is_the_same_once_merged_and_as_peft_reads_it(model, tmp_path):
    base = copy.deepcopy(model)
    before = response_log_probs(model, SEQUENCES)[0].detach()
    learned = response_log_probs(taught(adapted(model)), SEQUENCES)[0].detach()
    assert (learned - before).abs().max() > 0.01
    save_adapter(model, tmp_path)
    names = [part for part, _ in base.named_parameters()]
    assert [part for part, _ in merged(model).named_parameters()] == names
    assert_close(response_log_probs(model, SEQUENCES)[0], own_of_responses(model))
    torch.testing.assert_close(response_log_probs(model, SEQUENCES)[0], learned, atol=CLOSE, rtol=0)
    read = peft.PeftModel.from_pretrained(base, tmp_path).eval().get_base_model()
    torch.testing.assert_close(response_log_probs(read, SEQUENCES)[0], learned, atol=CLOSE, rtol=0)


# --- reward model and critic ---


@torch.no_grad()
def test_scores_and_values_are_those_of_the_models_own_layers(name, tmp_path):
    torch.manual_seed(2)
    scorer = load_scorer(KINDS[name].written(tmp_path))
    for row in range(len(SEQUENCES)):
        start = int(SEQUENCES.prompt_lengths[row])
        tokens = [*SEQUENCES.tokens[row, :start].tolist(), *SEQUENCES.response(row)]
        whole = scorer.score(scorer.base_model(input_ids=torch.tensor([tokens])).last_hidden_state)[0, :, 0]
        torch.testing.assert_close(sequence_scores(scorer, SEQUENCES)[row], whole[-1], atol=CLOSE, rtol=0)
        torch.testing.assert_close(response_values(scorer, SEQUENCES)[row, :len(tokens) - start],
                                   whole[start - 1:-1], atol=CLOSE, rtol=0)


# --- memory ---


def gradients_of(model):
    model.zero_grad()
    (response_log_probs(model, SEQUENCES)[0] - 1).square().sum().backward()
    return {part: weight.grad.clone() for part, weight in model.named_parameters()}


def test_activations_computed_again_give_the_gradients_of_those_that_were_kept(model):
    kept = gradients_of(model)
    checkpoint_activations(model)
    for part, gradient in gradients_of(model).items():
        torch.testing.assert_close(gradient, kept[part], atol=1e-6, rtol=1e-5)
