"""infra/constraints.txt pins the environment as it is."""

import re
from pathlib import Path

from infra.pins import differences, installed, pinned


def test_every_installed_package_has_its_version_pinned(repository: Path) -> None:
    assert differences(installed(), pinned(repository / "infra/constraints.txt")) == [], "`make pins` rewrites the file"


def test_another_version_and_a_missing_pin_are_named() -> None:
    packages = {"torch": "2.13.0", "rich": "15.0.0", "typer": "1"}
    pins = {"torch": "2.12.0", "typer": "1", "gone": "3"}

    assert differences(packages, pins) == [
        "torch 2.13.0 is installed, and infra/constraints.txt pins 2.12.0",
        "rich 15.0.0 is installed, and infra/constraints.txt pins no version of it"]


def test_a_pin_is_a_name_and_a_version_and_no_place(repository: Path) -> None:
    lines = (repository / "infra/constraints.txt").read_text(encoding="utf-8").splitlines()

    for line in lines:
        assert line.startswith("#") or re.fullmatch(r"[a-z0-9-]+==[A-Za-z0-9.]+", line), line
