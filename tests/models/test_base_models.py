"""Base models that others made: each kind is taken as it is; what cannot be trained is refused by its reason."""

import json
import shutil

import pytest
import torch
import transformers
from transformers import AutoModelForCausalLM

from tasks.contracts.errors import ParamsInvalid
from tasks.data.preparing.base_tokenizer import load_base_tokenizer
from tasks.models.base_models import load_base_model
from tasks.models.ends import end_tokens
from tasks.models.generation import generate
from tests.models.kinds import KINDS, LLAMA, Kind, gpt2_tokenizer, in_hub_cache, neox_tokenizer


def loaded(folder, most_tokens=60):
    return load_base_model(str(folder), load_base_tokenizer(str(folder)), most_tokens=most_tokens)


@pytest.mark.parametrize("name", KINDS)
def test_each_kind_loads_in_float32_with_the_weights_of_its_folder(name, tmp_path):
    KINDS[name].written(tmp_path)
    model, own = loaded(tmp_path), AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32)
    assert all(torch.equal(weight, other) for weight, other in zip(
        model.state_dict().values(), own.state_dict().values(), strict=True))
    assert not model.training
    assert {weight.dtype for weight in model.parameters()} == {torch.float32}
    tied = model.get_input_embeddings().weight is model.get_output_embeddings().weight
    assert tied == KINDS[name].tied


# --- end tokens ---


def test_every_special_end_token_of_the_folder_ends_an_answer_and_the_saved_model_says_so(tmp_path):
    KINDS["llama, of several end tokens"].written(tmp_path)
    model, tokenizer = loaded(tmp_path), load_base_tokenizer(str(tmp_path))
    ends = tokenizer.convert_tokens_to_ids(["<|im_end|>", "<|endoftext|>"])  # the tokenizer's own is the first
    assert end_tokens(model, tokenizer) == ends
    model.save_pretrained(tmp_path / "saved")  # transformers refuses to write what the folder said of sampling
    assert json.loads((tmp_path / "saved" / "generation_config.json").read_text())["eos_token_id"] == ends
    assert end_tokens(AutoModelForCausalLM.from_pretrained(tmp_path / "saved"), tokenizer) == ends
    written = generate(model, [[5, 6], [7, 8, 9]] * 20, most_tokens=40, end=ends, pad=tokenizer.pad_token_id,
                       generator=torch.Generator().manual_seed(0), temperature=3.0)
    last = {written.response(row)[-1] for row in range(40) if len(written.response(row)) < 40}
    assert last == {*ends}
    assert not any(token in ends for row in range(40) for token in written.response(row)[:-1])


@pytest.mark.parametrize("named", [9, [9, 100_000]])
def test_an_end_token_that_is_text_or_beyond_the_vocabulary_ends_nothing(named, tmp_path):
    KINDS["gpt_neox"].written(tmp_path)
    settings = json.loads((tmp_path / "generation_config.json").read_text())
    (tmp_path / "generation_config.json").write_text(json.dumps(settings | {"eos_token_id": named}))
    tokenizer = load_base_tokenizer(str(tmp_path))
    assert end_tokens(loaded(tmp_path), tokenizer) == [tokenizer.eos_token_id]


# --- refusals ---


def write_settings(folder, **changes):
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def no_folder(folder):
    shutil.rmtree(folder)


def pickled(folder):
    torch.save(AutoModelForCausalLM.from_pretrained(folder).state_dict(), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def with_code(folder):
    write_settings(folder, model_type="strange", auto_map={"AutoConfig": "strange.Config"})
    (folder / "strange.py").write_text("raise SystemExit('its code was run')")


def encoder_decoder(folder):
    config = transformers.T5Config(vocab_size=300, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    transformers.T5ForConditionalGeneration(config).save_pretrained(folder)


def cut_weights(folder):
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])


def longer_tokenizer(folder):
    tokenizer = gpt2_tokenizer()
    tokenizer.add_tokens([f"more{number}" for number in range(50)])
    tokenizer.save_pretrained(folder)


def reads_ahead(folder):
    shape = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
             "initializer_range": 0.2}
    Kind("bert", neox_tokenizer, shape, tied=True).written(folder)


def without_cache(folder):
    Kind("mamba", neox_tokenizer, {"hidden_size": 16, "num_hidden_layers": 1, "state_size": 4}, tied=True
         ).written(folder)


REFUSED = {
    no_folder: "is no folder here, and no model of that name can be fetched",
    pickled: r"pytorch_model\.bin, which may run code when read",
    with_code: "needs code of its own, which is never run here.*model_type strange",
    encoder_decoder: "is no causal language model.*model_type t5",
    lambda folder: (folder / "config.json").write_text("{"): r"cannot be read.*not a valid JSON",
    lambda folder: (folder / "config.json").unlink(): "has no config.json that says what model it is",
    lambda folder: write_settings(folder, model_type="strange"): "does not know.*model_type strange",
    lambda folder: write_settings(folder, n_layer=3): "lacks weights, which would be left to chance.*h.2",
    lambda folder: write_settings(folder, n_embd=24): "has no weights that can be read",
    cut_weights: "has no weights that can be read",
    longer_tokenizer: "more tokens than the model has embeddings",
    reads_ahead: "of type bert, of which",
    without_cache: "of type mamba, of which its scores, read token by token cannot be had",
}


@pytest.mark.parametrize("spoil", REFUSED)
def test_what_cannot_be_trained_is_refused_with_one_message(spoil, tmp_path):
    KINDS["gpt2"].written(tmp_path / "base")
    tokenizer = load_base_tokenizer(str(tmp_path / "base"))
    spoil(tmp_path / "base")
    if spoil in (longer_tokenizer, reads_ahead, without_cache):
        tokenizer = load_base_tokenizer(str(tmp_path / "base"))
    with pytest.raises(ParamsInvalid, match=REFUSED[spoil]) as refused:
        load_base_model(str(tmp_path / "base"), tokenizer, most_tokens=60)
    assert refused.value.exit_code == 2
    assert refused.value.where == f"base.path={tmp_path / 'base'}"
    assert refused.value.next_step
    assert "\n" not in str(refused.value)


def test_a_context_that_is_just_long_enough_will_do_and_one_token_less_will_not(tmp_path):
    KINDS["gpt2"].written(tmp_path)
    assert loaded(tmp_path, most_tokens=128)
    with pytest.raises(ParamsInvalid, match=r"tokens\.prompt \+ tokens\.response of at most 128, found 129"):
        loaded(tmp_path, most_tokens=129)


def test_a_model_whose_scores_are_more_than_its_output_layer_is_refused(tmp_path):
    Kind("hyperclovax", neox_tokenizer, LLAMA | {"logits_scaling": 0.5}, tied=True).written(tmp_path)
    with pytest.raises(ParamsInvalid, match=r"log-probabilities are .* nats away from those of its own"):
        loaded(tmp_path)


# --- the hub, as its cache on this machine holds it ---


def test_a_hub_name_stands_for_its_main_branch_and_a_revision_for_that_commit(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    in_hub_cache(tmp_path, "house/tiny", {"a" * 40: "gpt2", "b" * 40: "qwen3"})
    for revision, kind in ((None, "qwen3"), ("a" * 40, "gpt2"), ("b" * 40, "qwen3")):
        tokenizer = load_base_tokenizer("house/tiny", revision)
        model = load_base_model("house/tiny", tokenizer, most_tokens=60, revision=revision)
        assert model.config.model_type == kind
        assert bool(tokenizer.get_vocab().get("<|im_end|>")) == (kind == "qwen3")
    with pytest.raises(ParamsInvalid, match="no model of that name can be fetched"):
        load_base_model("house/tiny", tokenizer, most_tokens=60, revision="c" * 40)
