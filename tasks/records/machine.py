"""What a run computes on: processor, GPU, driver, CUDA, interpreter, and the packages that are installed."""

import importlib.util
import os
import platform
import re
import subprocess
from importlib.metadata import distributions
from pathlib import Path

NONE = "none"


def machine() -> dict[str, str]:
    """`hardware` in words, and its parts: `python`, `processor`, `gpu`, `driver`, `cuda`. Loads no torch."""
    processor, found = f"{_processor()}, {os.cpu_count()} cores", gpus()
    words = "; ".join(f"{name}, {driver}" for name, driver in found) or "no GPU"
    return {
        "hardware": f"{platform.system()} {platform.machine()}, {processor}, {words}",
        "python": platform.python_version(), "processor": processor,
        "gpu": "; ".join(name for name, _ in found) or NONE,
        "driver": "; ".join(dict.fromkeys(driver for _, driver in found)) or NONE,
        "cuda": (cuda_of_torch() or NONE) if found else NONE}


def gpus() -> list[tuple[str, str]]:
    """Name and driver of each NVIDIA GPU, as nvidia-smi has them; none where it cannot be asked."""
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        shown = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    lines = [line.rpartition(",") for line in shown.splitlines() if line.strip()]
    return [(name.strip(), driver.strip()) for name, _, driver in lines]


def cuda_of_torch() -> str | None:
    """The CUDA that the installed torch was built for, read from its file; None for a build without, or no torch."""
    found = importlib.util.find_spec("torch")
    if found is None or found.origin is None:
        return None
    path = Path(found.origin).with_name("version.py")
    said = path.read_text(encoding="utf-8") if path.is_file() else ""
    match = re.search(r"^cuda\b[^=\n]*=\s*['\"]([\d.]+)['\"]", said, re.MULTILINE)
    return match[1] if match else None


def installed_packages() -> str:
    """Every installed package as `name==version`, one a line, sorted; names as PyPI normalises them."""
    names = {re.sub(r"[-_.]+", "-", one.name).lower(): one.version for one in distributions() if one.name}
    return "".join(sorted(f"{name}=={version}\n" for name, version in names.items()))


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown processor"
