"""Stage: base model + demonstrations -> SFT model."""

from collections.abc import Mapping

from tasks.contracts.config import Params
from tasks.contracts.inputs import checkpoint_folder
from tasks.contracts.places import BASE, PREPARED, SFT
from tasks.contracts.reporting import Sink
from tasks.data.preparing.batches import read_shard
from tasks.models.folders import load_causal_model, load_tokenizer, save_model
from tasks.training.determinism import settle
from tasks.training.devices import pick_device
from tasks.training.objectives import Imitation, mean_loss
from tasks.training.supervised import train_supervised

ADAPTER = SFT / "adapter"  # where params.sft.lora is set: what was learned, without the base that it was learned on


def train_sft(params: Params, sink: Sink) -> Mapping[str, float]:
    """Write build/sft and return training and validation loss, nats a response token."""
    settle(params.seed, threads=params.threads)
    tokenizer = load_tokenizer(PREPARED / "tokenizer")
    device = pick_device(params.device)
    model = load_causal_model(BASE).to(device)
    rows, held_out = (read_shard(PREPARED / f"sft_{split}.jsonl") for split in ("train", "validation"))
    learning, measuring = (
        Imitation(model, some, pad=tokenizer.pad_token_id, most_tokens=params.sft.micro_batch_tokens,
                  packing=params.sft.packing) for some in (rows, held_out))
    last = train_supervised(
        model, len(rows), learning, params.sft, seed=params.seed, sink=sink,
        checkpoints=checkpoint_folder("train_sft"), what="train_sft", adapter=ADAPTER)
    validation = mean_loss(measuring, len(held_out), device)
    save_model(model, SFT)
    tokenizer.save_pretrained(SFT)
    return {"loss": last["loss"], "validation_loss": validation}


if __name__ == "__main__":
    from tasks import stage

    stage.main(train_sft)
