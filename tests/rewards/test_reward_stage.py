"""The stage train_reward with an ensemble and a model from elsewhere, and the reward that comes of it."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from tasks.contracts.canonical import file_sha256
from tasks.contracts.config import Params, parse_params
from tasks.contracts.errors import ParamsInvalid
from tasks.contracts.inputs import checkpoint_folder
from tasks.contracts.places import PREPARED, REWARD, SFT
from tasks.contracts.reporting import Silent
from tasks.data.checked import checked_row
from tasks.models.bag_of_tokens import is_bag_of_tokens
from tasks.models.folders import load_causal_model, load_scorer, load_tokenizer, new_causal_model, save_model
from tasks.models.scorers import sequence_scores
from tasks.models.scoring import Reference
from tasks.models.sequences import join
from tasks.prepare_data import prepare_data
from tasks.rewards.composed import ComposedReward
from tasks.rewards.outside import load_outside
from tasks.rewards.samples import Samples
from tasks.train_policy import composed_reward
from tasks.train_reward import load_members, member_folder, new_scorer, train_reward
from tests.data.rows_on_disk import demonstrations, preferences
from tests.rewards.elsewhere import reward_model

GRAPH = """
stages:
  train_reward: {cmd: x, deps: [build/prepared, build/sft, own], params: [reward_model, reward.models]}
  train_policy: {cmd: x, deps: [build/reward, own], params: [reward]}
  evaluate: {cmd: x, deps: [build/reward, own], params: [reward]}
"""
REWARDS = {
    "preference": 1.0,
    "functions": [{"name": "brevity", "function": "own/brevity.py:brevity", "weight": 0.5}],
    "models": [{"name": "other", "path": "own/model", "most_tokens": 16, "weight": 0.25}]}
BREVITY = "def brevity(prompts, answers):\n    return [-len(answer) for answer in answers]\n"


def params(members: int = 2, *, bag_of_tokens: bool = False, **reward: object) -> Params:
    loop = {"epochs": 1.0, "batch": 16}
    return parse_params({
        "seed": 1, "device": "cpu", "threads": 1, "base": {}, "evaluate": {}, "pretrain": loop, "sft": loop,
        "data": {"sources": [{"path": "data/rows.jsonl"}], "validation_share": 0.2, "test_share": 0.2},
        "tokens": {"prompt": 40, "response": 20, "vocabulary": 300}, "reward": REWARDS | reward,
        "reward_model": loop | {"ensemble": {"members": members, "combine": "minimum", "bag_of_tokens": bag_of_tokens}},
        "ppo": {"updates": 1},
        "gates": {"rules": []}})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace in which the stages up to train_reward have run, on a model of random weights."""
    root = tmp_path_factory.mktemp("workspace")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        Path("build/checked").mkdir(parents=True)
        for kind, rows in (("preferences", preferences(60)), ("demonstrations", demonstrations(60))):
            Path(f"build/checked/{kind}.jsonl").write_text(
                "".join(json.dumps(checked_row(row, "auto")) + "\n" for row in rows))
        prepare_data(params(), Silent())
        tokenizer = load_tokenizer(PREPARED / "tokenizer")
        torch.manual_seed(0)
        save_model(new_causal_model(vocabulary=len(tokenizer), hidden=16, layers=1, heads=2, context=60, pad=0,
                                    begin=1, end=2), SFT)
        tokenizer.save_pretrained(SFT)
        reward_model(Path("own/model"))
        Path("own/brevity.py").write_text(BREVITY)
        Path("dvc.yaml").write_text(GRAPH)
        Path("params.yaml").write_text("seed: 1\n")
        patch.delenv("HALLMARK_HOME", raising=False)
        Path("numbers.json").write_text(json.dumps(train_reward(params(), Silent())))
    return root


@pytest.fixture(autouse=True)
def workspace(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it for each test, to work in."""
    root = shutil.copytree(made, tmp_path / "workspace")
    monkeypatch.chdir(root)
    monkeypatch.delenv("HALLMARK_HOME", raising=False)
    return root


def bytes_of(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): file_sha256(path) for path in folder.rglob("*") if path.is_file()}


def reward() -> ComposedReward:
    reference = Reference(load_causal_model(SFT))
    return composed_reward(params(), reference, load_tokenizer(PREPARED / "tokenizer"), torch.device("cpu"))


def samples() -> Samples:
    return Samples(join([[1, 3, 40, 4], [1, 3, 50, 4]], [[60, 70, 2], [80, 2]], pad=0), ["how", "why"],
                   ["check the tray", "no"], ["check the paper", None])


def test_members_differ_and_lie_where_they_are_looked_for():
    assert member_folder(1) == REWARD
    assert member_folder(2) == REWARD / "member-2"
    weights = [dict(load_scorer(member_folder(number)).named_parameters()) for number in (1, 2)]
    assert all(not torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    trained, scale = (json.loads(Path(name).read_text()) for name in ("numbers.json", REWARD / "scale.json"))
    assert scale["score_mean"] == trained["score_mean"] == scale["members"][0]["mean"]
    assert scale["members"][0] != scale["members"][1]
    assert scale["combine"] == "minimum"
    assert scale["sources"]["other"]["deviation"] > 0


def test_a_members_first_score_depends_on_its_seed_alone():
    made = {}
    for before, seed in ((1, 7), (2, 7), (1, 8)):
        torch.manual_seed(before)
        made[before, seed] = new_scorer(params(), torch.device("cpu"), seed=seed).score.weight
    assert torch.equal(made[1, 7], made[2, 7])
    assert not torch.equal(made[1, 7], made[1, 8])
    assert made[1, 7].std().item() == pytest.approx(0.02, rel=0.5)  # transformers' own, of 16 draws


def test_no_two_of_three_members_are_alike():
    train_reward(params(members=3), Silent())
    heads = [load_scorer(member_folder(number)).score.weight for number in (1, 2, 3)]
    assert not any(torch.equal(heads[one], heads[other]) for one, other in ((0, 1), (0, 2), (1, 2)))


def test_the_first_member_is_what_a_single_reward_model_is():
    of_two = load_scorer(REWARD).state_dict()
    train_reward(params(members=1), Silent())
    alone = load_scorer(REWARD).state_dict()
    assert all(torch.equal(of_two[name], alone[name]) for name in alone)


def test_the_same_inputs_give_the_same_bytes():
    first = bytes_of(REWARD)
    train_reward(params(), Silent())
    assert bytes_of(REWARD) == first


class Unplugged(Exception):
    pass


class Watcher(Silent):
    """Remembers the steps, and pulls the plug at one of them."""

    def __init__(self, at: int | None = None):
        self.at = at
        self.steps: list[tuple[int, dict[str, float]]] = []
        self.told: list[int] = []

    def begin(self, steps, unit="steps"):
        self.told.append(steps)

    def step(self, step, numbers):
        self.steps.append((step, dict(numbers)))
        if step == self.at:
            raise Unplugged


def test_a_stage_broken_off_in_the_second_member_does_not_train_the_first_again_and_ends_with_the_same_bytes():
    Path("dvc.yaml").write_text(GRAPH.replace("build/prepared, ", ""))  # so that hiding a shard leaves its checkpoints
    expected, whole, broken, resumed = bytes_of(REWARD), Watcher(), Watcher(), Watcher()
    train_reward(params(), whole)
    steps = whole.told[0] // 2  # of a member
    assert whole.told == [2 * steps]
    assert [step for step, _ in whole.steps] == list(range(1, 2 * steps + 1))
    broken.at = steps + 1
    with pytest.raises(Unplugged):
        train_reward(params(), broken)
    kept = checkpoint_folder("train_reward") / "finished-1"
    assert [path.name for path in kept.iterdir()] == [f"step-{steps:09d}"]
    shutil.rmtree(REWARD)  # as DVC does
    rows, without = PREPARED / "preferences_train.jsonl", Watcher()
    hidden = rows.rename(rows.with_suffix(".hidden"))
    with pytest.raises(FileNotFoundError):  # where the second member begins
        train_reward(params(), without)
    assert without.steps == whole.steps[:steps]
    hidden.rename(rows)
    train_reward(params(), resumed)
    assert resumed.steps == whole.steps
    assert bytes_of(REWARD) == expected
    assert not checkpoint_folder("train_reward").exists()


def test_the_reward_is_made_of_all_that_the_settings_name():
    total, parts = reward()(samples())
    assert set(parts) == {"preference", "preference_spread", "fluency", "richness", "relevance", "safety", "similarity",
                          "brevity", "other"}
    assert parts["brevity"].tolist() == [-14.0, -2.0]
    assert parts["similarity"].tolist() == pytest.approx([2 / 3, 0.0])  # check, the: 2 of 3 and of 3
    assert total.tolist() == pytest.approx(
        (parts["preference"] + 0.5 * parts["brevity"] + 0.25 * parts["other"]).tolist(), abs=1e-5)


def test_the_preference_is_the_lower_of_the_two_members():
    scale = json.loads((REWARD / "scale.json").read_text())["members"]
    standardised = [
        [(value - one["mean"]) / one["deviation"]
         for value in sequence_scores(load_scorer(member_folder(number)), samples().sequences).tolist()]
        for number, one in enumerate(scale, 1)]
    _, parts = reward()(samples())
    lower = [min(two) for two in zip(*standardised, strict=True)]
    assert parts["preference"].tolist() == pytest.approx(lower, abs=1e-5)


def test_a_bag_of_tokens_is_one_member_more_and_the_last_and_the_others_are_what_they_are_without_it():
    without = bytes_of(REWARD)
    train_reward(params(bag_of_tokens=True), Silent())

    new = {name: digest for name, digest in bytes_of(REWARD).items() if without.get(name) != digest}
    scale = json.loads((REWARD / "scale.json").read_text())["members"]
    bag = load_members(3, torch.device("cpu"))[2]
    scores = [(value - scale[2]["mean"]) / scale[2]["deviation"] for value in bag(samples().sequences).tolist()]
    _, parts = reward()(samples())
    assert set(new) == {"scale.json", "member-3/bag_of_tokens.json"}
    assert len(scale) == 3
    assert all(paid <= score + 1e-5 for paid, score in zip(parts["preference"].tolist(), scores, strict=True))


def test_a_network_takes_the_place_of_a_bag_of_tokens_that_lay_in_its_folder():
    train_reward(params(members=1, bag_of_tokens=True), Silent())
    assert is_bag_of_tokens(member_folder(2))
    train_reward(params(), Silent())
    assert not is_bag_of_tokens(member_folder(2))


def test_the_model_from_elsewhere_is_paid_in_the_units_that_the_stage_measured():
    scale = json.loads((REWARD / "scale.json").read_text())["sources"]["other"]
    raw = load_outside("own/model", most_tokens=16, name="other", device=torch.device("cpu")).scores(samples())
    _, parts = reward()(samples())
    assert parts["other"].tolist() == pytest.approx(
        [(value - scale["mean"]) / scale["deviation"] for value in raw.tolist()], abs=1e-5)


@pytest.mark.parametrize("stage", ["train_policy", "evaluate"])
def test_a_function_that_no_dep_of_a_paying_stage_holds_is_refused(stage):
    graph = Path("dvc.yaml")
    lines = [line.replace(", own]", "]") if f"{stage}:" in line else line for line in GRAPH.splitlines()]
    graph.write_text("\n".join(lines))
    with pytest.raises(ParamsInvalid, match=rf"own/brevity.py: is read by the stage {stage}, .*Name its folder own"):
        reward()


def test_a_model_from_elsewhere_that_the_stage_does_not_depend_on_is_refused_before_anything_is_trained():
    graph = Path("dvc.yaml")
    graph.write_text(GRAPH.replace("build/sft, own]", "build/sft]"))
    watcher = Watcher()
    with pytest.raises(ParamsInvalid, match="own/model: is read by the stage train_reward"):
        train_reward(params(), watcher)
    assert watcher.steps == []
