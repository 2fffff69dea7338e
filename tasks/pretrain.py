"""Stage: text -> base model. Where a base model is given, it is read and laid down as this stage's output."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.contracts.config import Params
from tasks.contracts.inputs import checkpoint_folder, require_dep
from tasks.contracts.places import BASE, PREPARED
from tasks.contracts.reporting import Sink
from tasks.data.preparing.batches import read_shard
from tasks.models.base_models import hub_commit, load_base_model
from tasks.models.folders import load_tokenizer, new_causal_model, save_model
from tasks.training.determinism import settle
from tasks.training.devices import pick_device
from tasks.training.objectives import Imitation
from tasks.training.supervised import train_supervised

if TYPE_CHECKING:
    import torch


def pretrain(params: Params, sink: Sink) -> Mapping[str, float]:
    """Write build/base and return the loss of the last step, nats a token; without pretraining, the size alone."""
    settle(params.seed, threads=params.threads)
    tokenizer = load_tokenizer(PREPARED / "tokenizer")
    if params.base.path is not None:
        model = given_model(params, tokenizer, sink)
        numbers: dict[str, float] = {}
    else:
        model = new_model(params, tokenizer).to(pick_device(params.device))
        rows = [{"prompt": row["ids"][:1], "response": row["ids"][1:]}
                for row in read_shard(PREPARED / "text_train.jsonl") if len(row["ids"]) > 1]
        last = train_supervised(
            model, len(rows), Imitation(
                model, rows, pad=tokenizer.pad_token_id, most_tokens=params.pretrain.micro_batch_tokens,
                packing=params.pretrain.packing),
            params.pretrain, seed=params.seed, sink=sink, checkpoints=checkpoint_folder("pretrain"), what="pretrain")
        numbers = {"loss": last["loss"]}
    save_model(model, BASE)
    tokenizer.save_pretrained(BASE)
    return {**numbers, "parameters": parameter_count(model)}


def given_model(params: Params, tokenizer, sink: Sink) -> "torch.nn.Module":
    """The base model of params.base.path, which is not trained here.

    Raises:
        ParamsInvalid: it cannot be trained by the later stages, or it lies in a folder that this stage does not
            depend on.
    """
    path = str(params.base.path)
    if Path(path).exists():
        require_dep("pretrain", Path(path))
    model = load_base_model(path, tokenizer, revision=params.base.revision,
                            most_tokens=params.tokens.prompt + params.tokens.response)
    commit = hub_commit(path, params.base.revision)
    sink.note(f"base model {path}{f', commit {commit},' if commit else ''} is given; nothing is pretrained")
    if commit and not params.base.revision:
        sink.note(f"set base.revision to {commit}: {path} may mean other weights on another day or machine")
    return model


def new_model(params: Params, tokenizer) -> "torch.nn.Module":
    """A model of random weights that holds a whole prompt and response."""
    return new_causal_model(
        vocabulary=len(tokenizer), hidden=params.base.hidden, layers=params.base.layers, heads=params.base.heads,
        context=params.tokens.prompt + params.tokens.response, pad=tokenizer.pad_token_id,
        begin=tokenizer.bos_token_id, end=tokenizer.eos_token_id, kind=params.base.kind)


def parameter_count(model: "torch.nn.Module") -> int:
    """How many numbers the model has to learn; tied weights count once."""
    return sum(parameter.numel() for parameter in model.parameters())


if __name__ == "__main__":
    from tasks import stage

    stage.main(pretrain)
