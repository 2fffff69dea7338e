"""Stage: base model + demonstrations -> SFT model."""

from collections.abc import Mapping

from tasks.contracts.config import Params
from tasks.contracts.inputs import checkpoint_folder
from tasks.contracts.places import BASE, PREPARED, SFT
from tasks.contracts.reporting import Sink
from tasks.data.batches import read_shard
from tasks.models.folders import load_causal_model, load_tokenizer, save_model
from tasks.training.determinism import settle
from tasks.training.devices import pick_device
from tasks.training.objectives import Imitation, mean_loss
from tasks.training.supervised import train_supervised


def train_sft(params: Params, sink: Sink) -> Mapping[str, float]:
    """Write build/sft and return training and validation loss, nats a response token."""
    settle(params.seed, threads=params.threads)
    tokenizer = load_tokenizer(PREPARED / "tokenizer")
    model = load_causal_model(BASE).to(pick_device(params.device))
    rows = read_shard(PREPARED / "sft_train.jsonl")
    last = train_supervised(
        model, len(rows), Imitation(model, rows, pad=tokenizer.pad_token_id), params.sft, seed=params.seed, sink=sink,
        checkpoints=checkpoint_folder("train_sft"), what="train_sft")
    held_out = read_shard(PREPARED / "sft_validation.jsonl")
    validation = mean_loss(Imitation(model, held_out, pad=tokenizer.pad_token_id), len(held_out))
    save_model(model, SFT)
    tokenizer.save_pretrained(SFT)
    return {"loss": last["loss"], "validation_loss": validation}


if __name__ == "__main__":
    from tasks import stage

    stage.main(train_sft)
