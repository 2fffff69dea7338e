"""infra/constraints.txt: the exact version of every installed package, so that a year later the same ones install.

`python -m infra.pins` names what differs from the environment and exits 1; with `--write` it rewrites the file.
"""

import argparse
import re
import sys
from importlib import metadata
from pathlib import Path

CONSTRAINTS = Path("infra/constraints.txt")
HEADER = """\
# Every package of the environment at the version that was tested, those that others need included.
# Written by `make pins`. Used by `make install`; each stage of dvc.yaml depends on this file.
"""
NOT_PINNED = {"hallmark", "pip", "setuptools", "wheel"}  # the project itself, and what a venv brings along
# torch's build for CUDA brings these; its build for the CPU does not, and the pin of torch decides their versions.
CUDA = re.compile(r"^(nvidia|cuda|triton)\b")


def normalised(name: str) -> str:
    """A distribution's name as PEP 503 writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def installed() -> dict[str, str]:
    """Name -> public version of every installed distribution; a local part such as `+cpu` is the machine's business."""
    names = {normalised(found.metadata["Name"]): found.version.partition("+")[0] for found in metadata.distributions()}
    return {name: names[name] for name in sorted(names) if name not in NOT_PINNED and not CUDA.match(name)}


def pinned(path: Path = CONSTRAINTS) -> dict[str, str]:
    """Name -> version as the file has them."""
    lines = (line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return {normalised(name): version for name, _, version in (line.partition("==") for line in lines if line)}


def differences(packages: dict[str, str], pins: dict[str, str]) -> list[str]:
    """One sentence for each package whose pin is not its version; pins of absent packages are no difference."""
    return [
        f"{name} {version} is installed, and {CONSTRAINTS} pins {pins.get(name, 'no version of it')}"
        for name, version in packages.items() if pins.get(name) != version]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="rewrite the file")
    packages = installed()
    if parser.parse_args().write:
        lines = "".join(f"{name}=={version}\n" for name, version in packages.items())
        CONSTRAINTS.write_text(HEADER + lines, encoding="utf-8")
    found = differences(packages, pinned())
    print("\n".join(found) or f"{CONSTRAINTS} pins all {len(packages)} packages")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
