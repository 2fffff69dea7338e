"""git, asked in one way: an exit code is an answer, a failure of what must work is an error with git's own words."""

import subprocess

import pytest

from tasks.contracts.errors import Fault, NotAWorkspace
from tasks.records.git import fault_of, git, git_output


@pytest.fixture
def repository(tmp_path):
    subprocess.run(["git", "init", "-q", "-b", "main", str(tmp_path)], check=True)
    return tmp_path


def test_an_exit_code_is_an_answer(repository):
    asked = git(repository, "rev-parse", "--verify", "-q", "HEAD")
    assert asked.returncode != 0
    assert fault_of(asked) == f"git ended with {asked.returncode}"


def test_input_and_variables_reach_it(repository):
    name = git_output(repository, "hash-object", "-w", "--stdin", stdin=b"a row").decode().strip()
    assert git_output(repository, "cat-file", "-p", name) == b"a row"
    assert git(repository, "var", "GIT_AUTHOR_IDENT", env={
        "GIT_AUTHOR_NAME": "someone", "GIT_AUTHOR_EMAIL": "someone@example.org"}).stdout.startswith(b"someone <")


def test_a_failure_says_what_git_said_in_english(repository, monkeypatch):
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    with pytest.raises(Fault, match=r"`git show nothing` failed.*unknown revision"):
        git_output(repository, "show", "nothing")


def test_without_git_or_folder_it_is_no_workspace(repository, monkeypatch):
    with pytest.raises(NotAWorkspace, match="No such file or directory"):
        git(repository / "elsewhere", "status")
    monkeypatch.setenv("PATH", str(repository))
    with pytest.raises(NotAWorkspace, match="cannot be started"):
        git(repository, "status")
