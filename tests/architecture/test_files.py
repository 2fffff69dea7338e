"""What no file of the project may hold."""

import re
import subprocess
from pathlib import Path

import pytest

MACHINE_PATH = re.compile(r"(?<![\w.])/(?:work|root|tmp|home|Users)/[\w.]")
REGISTRY = re.compile(r"--(?:extra-)?index[-]url|--find[-]links|index[_]url")  # spelt so that it does not find itself
SECRET = re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----\s*\n\s*[A-Za-z0-9+/]{20}")
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "manager"}


def tracked(repository: Path) -> list[Path]:
    """The text files that git knows."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=repository, capture_output=True, text=True, check=True)
    files = [repository / name for name in done.stdout.split("\0") if name]
    return [file for file in files if file.is_file() and b"\0" not in file.read_bytes()[:4096]]


@pytest.mark.parametrize(
    ("pattern", "what"), [(MACHINE_PATH, "a path of one machine"), (REGISTRY, "a registry"), (SECRET, "a private key")],
    ids=["machine path", "registry", "private key"])
def test_no_file_holds(repository: Path, pattern: re.Pattern[str], what: str) -> None:
    found = [
        f"{file.relative_to(repository)} holds {what}: {match[0]}"
        for file in tracked(repository)
        if (match := pattern.search(file.read_text(encoding="utf-8", errors="replace")))]

    assert found == []


@pytest.mark.parametrize("folder", ["work", "home", "root", "tmp", "Users"])
@pytest.mark.parametrize("line", ["open('/{}/x')", "see /{}/me", "(/{}/.cache)"])
def test_a_machine_path_is_recognised(line: str, folder: str) -> None:
    assert MACHINE_PATH.search(line.format(folder))


@pytest.mark.parametrize("line", ["network/work/x", "a/tmp/b", "/workspace/x", "example.org/home/page"])
def test_another_path_is_not_taken_for_one(line: str) -> None:
    assert not MACHINE_PATH.search(line)


def test_every_file_is_named_after_what_it_is_about(repository: Path) -> None:
    assert [file for file in tracked(repository) if file.suffix == ".py" and file.stem in VAGUE] == []


def test_the_licence_is_the_one_that_is_declared(repository: Path) -> None:
    text = (repository / "LICENSE").read_text(encoding="utf-8")

    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert 'license = "Apache-2.0"' in (repository / "pyproject.toml").read_text(encoding="utf-8")


def test_every_link_between_pages_leads_to_a_file(repository: Path) -> None:
    pages = [file for file in tracked(repository) if file.suffix == ".md"]

    broken = [
        f"{page.relative_to(repository)} links to {target}"
        for page in pages for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()]

    assert broken == []
