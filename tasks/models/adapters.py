"""Low-rank adapters (LoRA, Hu et al. 2021, arXiv:2106.09685): small matrices learn beside weights that stand still.

They are put into the model in place: it keeps its class and its names, and whatever reads a model reads this one.
Files are those of peft, whose PeftModel.from_pretrained loads them as well.
"""

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file, save_file

from tasks.contracts.errors import Misused, ParamsInvalid

if TYPE_CHECKING:
    from tasks.contracts.learning_config import LoRAConfig

HEAD = "score"  # of a scorer or critic: drawn anew for its task, so it learns whole
CONFIG_FILE, WEIGHTS_FILE = "adapter_config.json", "adapter_model.safetensors"
PREFIX = "base_model.model."  # of each name in peft's files
NAME = "default"  # of the adapter, in the names of its parameters in memory


def with_adapters(model, config: "LoRAConfig", *, generator: torch.Generator):
    """Give the model adapters in place, and return it: only they, and a scorer's head, learn from now on.

    What the model says does not change before they have learned: the second matrix of each begins as zeros.

    Args:
        generator: on the CPU; draws the first matrices, the same on every device.

    Raises:
        ParamsInvalid: a target is no linear layer below the output layer, or there is none at all.
    """
    from peft import LoraConfig
    from transformers.pytorch_utils import Conv1D

    _inject(model, LoraConfig(
        r=config.rank, lora_alpha=config.alpha,  # type: ignore[arg-type]  # declared int, and only divided
        target_modules=_targets(model, config.targets), lora_dropout=0.0, bias="none",
        fan_in_fan_out=any(isinstance(module, Conv1D) for module in model.modules())))  # GPT-2's weights lie across
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if ".lora_A." in name:
                drawn = torch.empty(weight.shape)
                torch.nn.init.kaiming_uniform_(drawn, a=math.sqrt(5), generator=generator)
                weight.copy_(drawn)
    return model


def merged(model):
    """Add the adapters to the weights beside which they lie, in place, and return the model, which is an ordinary one
    again: all of it learns. A model without adapters is returned as it is."""
    if not hasattr(model, "peft_config"):
        return model
    from peft.tuners.lora import LoraLayer

    for name, layer in [(name, module) for name, module in model.named_modules() if isinstance(module, LoraLayer)]:
        layer.merge()
        parent, _, child = name.rpartition(".")
        setattr(model.get_submodule(parent), child, layer.get_base_layer())
    del model.peft_config
    return model.requires_grad_(True)


def save_adapter(model, folder: Path) -> None:
    """Write the adapters, and a scorer's head, without the weights beside which they lie. The same give the same bytes.

    Raises:
        Misused: the model has no adapters.
    """
    config = _config_of(model).to_dict()
    config |= {"task_type": "SEQ_CLS" if hasattr(model, HEAD) else "CAUSAL_LM",
               "modules_to_save": [HEAD] if hasattr(model, HEAD) else None,
               "base_model_name_or_path": None}  # a path on this machine
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CONFIG_FILE).write_text(json.dumps(config, indent=1, sort_keys=True, default=sorted), encoding="utf-8")
    save_file({_name_in_file(name): weight.detach().cpu().contiguous() for name, weight in model.named_parameters()
               if weight.requires_grad}, folder / WEIGHTS_FILE, metadata={"format": "pt"})


@torch.no_grad()
def load_adapter(model, folder: Path):
    """Give an ordinary model the adapters of a folder, in place, and return it; merged() makes it ordinary again.

    Raises:
        Misused: the folder holds adapters of another model.
    """
    from peft import LoraConfig

    config = LoraConfig.from_pretrained(str(folder))
    config.modules_to_save = None  # the head learns in place, not in a copy beside it
    _inject(model, config)
    tensors = load_file(folder / WEIGHTS_FILE)
    learning = {_name_in_file(name): weight for name, weight in model.named_parameters() if weight.requires_grad}
    for name in sorted({*tensors, *learning}):
        if name not in tensors or name not in learning or tensors[name].shape != learning[name].shape:
            raise Misused("these are adapters of another model", where=str(folder),
                          wanted="the same weights in both", found=f"{name} in one alone, or of another shape")
        learning[name].copy_(tensors[name])
    return model


def _inject(model, config) -> None:
    from peft import inject_adapter_in_model

    device = next(model.parameters()).device
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):  # peft draws weights; not for us
        inject_adapter_in_model(config, model, adapter_name=NAME)
    if hasattr(model, HEAD):
        getattr(model, HEAD).requires_grad_(True)


def _targets(model, wanted: list[str] | None) -> list[str]:
    """Names of linear layers as they end, below the output layer: that one is read without a call to it."""
    from transformers.pytorch_utils import Conv1D

    names = {name.rpartition(".")[2] for name, module in model.base_model.named_modules()
             if isinstance(module, torch.nn.Linear | Conv1D)}
    missing = sorted(set(wanted or []) - names)
    if missing or not names:
        raise ParamsInvalid(
            "LoRA finds no such linear layer", where="params.yaml: lora.targets",
            wanted=f"some of {', '.join(sorted(names))}" if names else "a base.kind or base.path with linear layers",
            found=", ".join(missing) or f"none in a model of type {model.config.model_type}",
            next_step="Set lora to null, or change its targets." if names else "Set lora to null, or change base.kind.")
    return sorted(wanted or names)


def _config_of(model):
    if not hasattr(model, "peft_config"):
        raise Misused("a model without adapters was to have them saved", where=type(model).__name__)
    return model.peft_config[NAME]


def _name_in_file(name: str) -> str:
    return PREFIX + name.replace(f".{NAME}.", ".")
