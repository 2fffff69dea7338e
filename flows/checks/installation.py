"""Checks of what is installed and what lies in the workspace: each does what it asks about."""

import re
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from flows import workspace
from flows.running.graph import read_graph
from tasks.contracts.config import load_params
from tasks.contracts.places import CONSTRAINTS, PARAMS, home

if TYPE_CHECKING:
    import torch

OLDEST_PYTHON = (3, 11)
Said = tuple[bool, str, str]  # whether it holds, what was found, the next step where it does not


def python(root: Path) -> Said:
    return (sys.version_info >= OLDEST_PYTHON, sys.version.split()[0],
            f"Make the environment with Python {'.'.join(map(str, OLDEST_PYTHON))} or later.")


def packages(root: Path) -> Said:
    """Every installed package against the version that the project was tested with."""
    lines = (root / CONSTRAINTS).read_text(encoding="utf-8").splitlines()
    pins = {match[1]: match[2] for line in lines if (match := re.match(r"([\w.-]+)==([^\s;#]+)", line))}
    others = [f"{name} {version}, tested {pins[name]}" for name in pins
              if (version := _installed(name)) is not None and version.split("+")[0] != pins[name].split("+")[0]]
    said = f"{len(pins)} pins; " + (", ".join(others[:5]) or "all installed ones are at their pin")
    return not others, said, "`make install` in a fresh .venv installs the tested versions."


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def settings(root: Path) -> Said:
    count = len(load_params(root / PARAMS).gates.rules)
    return count > 0, f"params.yaml is valid, {count} gate rules", "Add gate rules: without one nothing is promoted."


def git(root: Path) -> Said:
    from tasks.records.digests import run_digests

    digests = run_digests(root)
    return True, f"commit {digests.commit[:12]}, {'uncommitted changes' if digests.dirty else 'clean'}", ""


def pipeline(root: Path) -> Said:
    graph = read_graph(root)
    return True, f"{len(graph.parents)} stages, {len(graph.stale)} out of date by themselves", ""


def data(root: Path) -> Said:
    missing = [source.path for source in load_params(root / PARAMS).data.sources
               if not (root / source.path).is_file()]
    return not missing, "missing: " + ", ".join(missing) if missing else "every source is there", "`dvc pull data.dvc`"


def disk(root: Path) -> Said:
    workspace.refuse_without_room(home())
    return True, "room for a run", ""


def gpu(root: Path) -> Said:
    """A matrix product on the GPU against the same one on the CPU, in both precisions that training uses.

    Zeros and ones, at most 256 to a sum: each is exact in bfloat16 too, so a right answer is the same to the last bit.
    """
    wanted = load_params(root / PARAMS).device
    if wanted == "cpu":
        return True, "none wanted: device is cpu", ""
    if wanted == "auto" and not workspace.has_accelerator():
        return True, "none in this machine; runs use the CPU", ""
    import torch

    if not torch.cuda.is_available():
        return False, "torch finds none", "Install a driver and a torch build for it, or set `device: cpu`."
    device = torch.device("cuda")
    wrong = [str(dtype).removeprefix("torch.") for dtype in (torch.float32, torch.bfloat16)
             if not product_is_right(device, dtype)]
    return (not wrong, f"{torch.cuda.get_device_name(device)}: a matrix product is "
            + (f"WRONG in {', '.join(wrong)}" if wrong else "right in float32 and bfloat16"),
            "Do not train on it: see its memory and its driver.")


def product_is_right(device: "torch.device", dtype: "torch.dtype") -> bool:
    """Whether a device multiplies matrices as the CPU does."""
    import torch

    drawn = torch.randint(0, 2, (2, 256, 256), generator=torch.Generator().manual_seed(1)).double()
    return torch.equal((drawn[0].to(device, dtype) @ drawn[1].to(device, dtype)).cpu().double(), drawn[0] @ drawn[1])
