"""A workspace with two sources under DVC, for tests of what happens to data."""

import subprocess
import sys
from pathlib import Path

from tests.data.rows_on_disk import demonstrations, preferences, write_rows

SOURCES = """\
  sources:
    - {path: data/pairs.jsonl, split: train, licence: CC-BY-4.0, consent: given, source: help desk, guideline: "2",
       collected: 2026-10, collected_by: the desk}  # of the first month
    - {path: data/sft.jsonl}
  # fewer than this is a mistake
  minimum_rows: 10
"""


def lay_data(root: Path) -> str:
    """20 comparisons and 30 demonstrations, named in params.yaml; return what DVC calls them."""
    settings = root / "params.yaml"
    before, _, after = settings.read_text().partition("  sources:\n")
    settings.write_text(before + SOURCES + after[after.index("  validation_share"):])
    write_rows(root / "data/pairs.jsonl", preferences(20))
    write_rows(root / "data/sft.jsonl", demonstrations(30))
    return dvc_add(root)


def dvc_add(root: Path) -> str:
    """Add data/ and return what DVC calls it."""
    subprocess.run([sys.executable, "-m", "dvc", "add", "-q", "data"], cwd=root, check=True)
    return data_md5(root)


def data_md5(root: Path) -> str:
    """What data.dvc calls data/."""
    return (root / "data.dvc").read_text().split("md5: ")[1].split()[0]
