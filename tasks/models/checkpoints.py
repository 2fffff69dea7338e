"""Checkpoints of a running stage: whole or absent, exact, without pickle.

A checkpoint is a folder with `tensors.safetensors` and `state.json`. It is written beside its place and renamed
into it, so that a kill at any moment leaves the one before or the new one.
"""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor


def save_checkpoint(folder: Path, step: int, tensors: Mapping[str, Tensor], state: Mapping[str, object]) -> None:
    """Write the checkpoint of a step below folder and remove the ones before it.

    Args:
        tensors: all that is a tensor, by name; shared storage is written once for each name.
        state: all else; must be JSON.
    """
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / "unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    save_file({name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()},
              unfinished / "tensors.safetensors")
    (unfinished / "state.json").write_text(json.dumps({"step": step, **state}), encoding="utf-8")
    for path in (*unfinished.iterdir(), unfinished):
        _flush(path)
    older = _finished(folder)
    unfinished.replace(folder / f"step-{step:09d}")
    _flush(folder)
    for path in older:
        if path.name != f"step-{step:09d}":
            shutil.rmtree(path)


def load_checkpoint(folder: Path) -> tuple[dict[str, Tensor], dict] | None:
    """Return tensors (on the CPU) and state of the latest whole checkpoint, or None where there is none."""
    finished = _finished(folder)
    if not finished:
        return None
    latest = finished[-1]
    state = json.loads((latest / "state.json").read_text(encoding="utf-8"))
    return load_file(latest / "tensors.safetensors"), state


def remove_checkpoints(folder: Path) -> None:
    """Clean up after a stage that is done: by one rename first, for a kill must not leave half a checkpoint."""
    removed = folder.with_name(f"{folder.name}.removed")
    shutil.rmtree(removed, ignore_errors=True)
    if folder.exists():
        folder.replace(removed)
        shutil.rmtree(removed)


def optimiser_tensors(optimiser: torch.optim.Optimizer, prefix: str) -> dict[str, Tensor]:
    """Return the optimiser's state as named tensors."""
    state = optimiser.state_dict()["state"]
    return {f"{prefix}.{index}.{name}": torch.as_tensor(value)
            for index, entry in state.items() for name, value in entry.items()}


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor], prefix: str) -> None:
    """Put back what optimiser_tensors returned."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        if key.startswith(prefix + "."):
            index, name = key[len(prefix) + 1 :].split(".", 1)
            state.setdefault(int(index), {})[name] = tensor
    optimiser.load_state_dict({**optimiser.state_dict(), "state": state})


def _finished(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("step-*") if path.is_dir())


def _flush(path: Path) -> None:
    """Make the disk hold what was written, so that the rename is not the first to survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
