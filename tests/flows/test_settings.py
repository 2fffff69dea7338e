"""--set changes one value and leaves every other character of params.yaml as it is."""

from pathlib import Path

import pytest

from flows.settings import change
from tasks.contracts.config import load_params
from tasks.contracts.errors import ParamsInvalid


def differing(before: str, after: str) -> list[tuple[str, str]]:
    return [pair for pair in zip(before.splitlines(), after.splitlines(), strict=True) if pair[0] != pair[1]]


def test_one_value_changes_and_comments_stay(workspace: Path) -> None:
    path = workspace / "params.yaml"
    before = path.read_text()
    updates = load_params(path).ppo.updates

    changes = change([f"ppo.updates={updates + 1}"], path)

    assert [str(one) for one in changes] == [f"ppo.updates: {updates} -> {updates + 1}"]
    assert load_params(path).ppo.updates == updates + 1
    assert differing(before, path.read_text()) == [(f"  updates: {updates}", f"  updates: {updates + 1}")]
    assert "# every random generator starts from it" in path.read_text()


def test_an_entry_of_a_list_goes_by_its_number(workspace: Path) -> None:
    change(["gates.rules.0.at_least=0.75"])

    assert load_params().gates.rules[0].at_least == 0.75
    with pytest.raises(ParamsInvalid, match="wanted 0 to 0, found 1"):
        change(["gates.rules.1.at_least=0.75"])


@pytest.mark.parametrize(("text", "number"), [("1e-4", 0.0001), ("0.0001", 0.0001), ("5.0E-5", 0.00005)])
def test_a_number_in_any_spelling_is_a_number(workspace: Path, text: str, number: float) -> None:
    change([f"ppo.learning_rate={text}"])

    assert load_params().ppo.learning_rate == number


def test_a_setting_that_the_file_leaves_at_its_default_is_added(workspace: Path) -> None:
    changes = change(["promotion.smoke_prompt=hello there", "evaluate.samples=3", "data.split_salt=x, y"])

    assert [one.key for one in changes] == ["promotion.smoke_prompt", "evaluate.samples", "data.split_salt"]
    assert str(changes[1]) == "evaluate.samples: not set -> 3"
    assert (load_params().evaluate.samples, load_params().data.split_salt) == (3, "x, y")


def test_the_value_that_it_has_already_writes_nothing(workspace: Path) -> None:
    path = workspace / "params.yaml"
    written = path.stat().st_mtime_ns

    assert change([f"seed={load_params().seed}"]) == []
    assert path.stat().st_mtime_ns == written


@pytest.mark.parametrize("setting", [
    "ppo.updates=0", "ppo.updates=many", "ppo.no_such_setting=1", "nothing", "=1", "ppo..updates=1", "ppo=1",
    "seed.below=1", "ppo.updates=[", "gates.rules=[]x"])
def test_what_cannot_be_is_refused_and_the_file_stays(workspace: Path, setting: str) -> None:
    path = workspace / "params.yaml"
    before = path.read_bytes()

    with pytest.raises(ParamsInvalid):
        change(["seed=7", setting])

    assert path.read_bytes() == before
    assert [one.name for one in workspace.iterdir() if one.name.startswith(".params")] == []
