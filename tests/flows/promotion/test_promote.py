"""Promotion: compare-and-swap, proof, fall back; and what a kill leaves is settled."""

from collections.abc import Callable
from pathlib import Path

import pytest

from flows.promote import Proof, alone, promote, settle, trusted_champion
from flows.promotion import consent, history, succession
from flows.promotion.aliases import CHAMPION, PREVIOUS
from flows.promotion.approval import reject
from flows.promotion.by_hand import promote_version, roll_back
from flows.run import Run, begin
from tasks.contracts.errors import DigestMismatch, PromotionRefused, ServiceUnreachable, StageBroke, UnknownVersion
from tasks.records import model_store, registry
from tasks.records.registry import Version
from tests.flows.hands import decided, desk, people


@pytest.fixture
def run(workspace: Path) -> Run:
    return begin(workspace, force=False)


@pytest.fixture
def versions(run: Run) -> list[Version]:
    """Two registered policies of other bytes."""
    found = []
    for name in ("one", "two"):
        (run.root / name).mkdir()
        (run.root / name / "model.safetensors").write_text(name)
        found.append(registry.register(run.root / name, "policy", None))
    return found


def proves(asked: list[str]) -> Callable[[Path], None]:
    """A proof that passes and notes which bytes it was shown."""
    return lambda folder: asked.append((folder / "model.safetensors").read_text())


def refuses(folder: Path) -> None:
    raise PromotionRefused("the model answers the smoke prompt with nothing")


def breaks(folder: Path) -> None:
    raise StageBroke("the proof broke off")


def champion() -> int | None:
    found = registry.by_alias("policy", CHAMPION)
    return found.version if found else None


def stored(version: Version) -> Path:
    """Where MLflow keeps a version's bytes."""
    return Path(model_store.stored_at(version).removeprefix("file://"))


def kinds(run: Run) -> list[str]:
    return [entry.kind for entry in run.ledger.entries()][1:]  # after `run started`


def test_each_step_is_in_the_ledger_and_the_one_before_is_kept(run: Run, versions: list[Version]) -> None:
    asked: list[str] = []
    one, two = versions

    promote(run, one, None, proves(asked))
    promote(run, two, one, proves(asked))

    assert asked == ["one", "two"]
    assert champion() == two.version
    assert registry.by_alias("policy", PREVIOUS) == registry.get("policy", one.version)
    assert kinds(run) == ["promoting", "promoted", "promoting", "promoted"]
    standing = history.champion(run.ledger.entries(), "policy")
    assert standing is not None
    assert (standing.version, standing.digest) == (two.version, two.digest)


@pytest.mark.parametrize(
    ("proof", "error", "refused"), [(refuses, PromotionRefused, True), (breaks, StageBroke, False)])
def test_a_champion_that_does_not_prove_itself_is_taken_back(
    run: Run, versions: list[Version], proof: Callable[[Path], None], error: type[Exception], refused: bool
) -> None:
    one, two = versions
    promote(run, one, None, proves([]))

    with pytest.raises(error, match=f"policy version {one.version} is champion now"):
        promote(run, two, one, proof)

    assert champion() == one.version
    last = run.ledger.entries()[-1]
    assert (last.kind, last.payload["refused"]) == ("promotion undone", refused)


def test_the_first_that_does_not_prove_itself_leaves_no_champion(run: Run, versions: list[Version]) -> None:
    with pytest.raises(PromotionRefused, match="nobody is champion now"):
        promote(run, versions[0], None, refuses)

    assert champion() is None


def test_bytes_that_were_changed_in_the_store_do_not_become_champion(run: Run, versions: list[Version]) -> None:
    (stored(versions[0]) / "model.safetensors").write_text("another")

    with pytest.raises(Exception, match="does not hold the bytes"):
        promote(run, versions[0], None, proves([]))

    assert champion() is None


def test_who_comes_second_is_told_so_and_changes_nothing(run: Run, versions: list[Version]) -> None:
    one, two = versions
    promote(run, one, None, proves([]))

    with pytest.raises(PromotionRefused, match="came first"):
        promote(run, two, None, proves([]))

    assert champion() == one.version
    assert kinds(run)[-1] == "promotion undone"


def test_a_champion_that_was_changed_past_the_ledger_is_noticed(run: Run, versions: list[Version]) -> None:
    one, two = versions
    assert trusted_champion(run) is None
    promote(run, one, None, proves([]))
    assert trusted_champion(run) == registry.get("policy", one.version)

    registry.swap_alias("policy", CHAMPION, one.version, two.version)
    with pytest.raises(PromotionRefused, match=f"wanted version {one.version} .* found version {two.version} "):
        trusted_champion(run)

    registry.swap_alias("policy", CHAMPION, two.version, None)
    with pytest.raises(PromotionRefused, match="found nobody"):
        trusted_champion(run)


def test_the_reward_model_of_the_same_bundle_follows(run: Run, versions: list[Version]) -> None:
    reward = registry.register(run.root / "two", "reward-model", None)
    for version in (reward, versions[0]):
        run.record("registered", name=version.name, version=version.version, digest=version.digest, bundle="b1")

    promote(run, versions[0], None, proves([]))

    assert registry.by_alias("reward-model", CHAMPION) == reward


class Killed(BaseException):
    """Stands for a kill at this very place: nothing of ours runs after it."""


def dies(folder: Path) -> None:
    raise Killed


@pytest.mark.parametrize(
    ("proof", "stands", "last"), [(proves([]), True, "promoted"), (refuses, False, "promotion undone")])
def test_a_kill_between_swap_and_proof_is_settled_by_the_next_run(
    run: Run, versions: list[Version], proof: Callable[[Path], None], stands: bool, last: str
) -> None:
    with pytest.raises(Killed):
        promote(run, versions[0], None, dies)
    assert champion() == versions[0].version

    settle(run, proof)

    assert (champion() == versions[0].version) is stands
    assert kinds(run)[-1] == last
    settle(run, dies)  # nothing is open any more


def test_a_kill_before_the_swap_is_settled_as_undone(run: Run, versions: list[Version]) -> None:
    run.record("promoting", name="policy", version=versions[0].version, digest=versions[0].digest, expected=None)

    settle(run, dies)

    assert champion() is None
    assert kinds(run)[-1] == "promotion undone"


@pytest.fixture
def three(run: Run) -> list[Version]:
    """Three versions, each compared with the one before and promoted after it."""
    params = run.root / "params.yaml"
    params.write_text(params.read_text().replace("  approvals: 1 ", "  approvals: 0 "))
    found: list[Version] = []
    for said in ("one", "two", "three"):
        found.append(decided(run, said))
        promote_version(desk(run.root), found[-1].version, proves([]))
    return found


def previous() -> int | None:
    found = registry.by_alias("policy", PREVIOUS)
    return found.version if found else None


def back(run: Run, to: int | None = None, proof: Proof | None = None) -> None:
    roll_back(desk(run.root), to, proof or proves([]), "it swears")


def test_a_rollback_proves_the_one_before_and_previous_names_where_the_next_would_go(
    run: Run, three: list[Version]
) -> None:
    asked: list[str] = []
    assert (champion(), previous()) == (3, 2)

    back(run, proof=proves(asked))
    assert (champion(), previous(), asked) == (2, 1, ["policy two"])
    last = run.ledger.entries()[-1]
    assert (last.kind, last.payload["rollback"], last.payload["previous"]) == ("promoted", "it swears", 3)

    back(run)
    assert (champion(), previous()) == (1, None)
    with pytest.raises(PromotionRefused, match="nobody was champion before"):
        back(run)
    assert trusted_champion(run) == three[0]
    assert run.ledger.verify().ok


def test_a_rollback_to_a_version_steps_over_those_between(run: Run, three: list[Version]) -> None:
    back(run, to=1)

    assert (champion(), previous()) == (1, None)
    assert succession.rolled_back(run.ledger.entries(), "policy") == {3: "it swears"}


def test_what_was_rolled_back_comes_again_by_hand_only(run: Run, three: list[Version]) -> None:
    back(run)
    stopped = consent.stopped_by_hand(run.ledger.entries(), "policy", three[2].digest)
    assert stopped.startswith("refused: the same policy was champion as version 3 and was taken back: it swears")

    promote_version(desk(run.root), 3, proves([]))  # it was compared with version 2, which is champion

    assert (champion(), previous()) == (3, 2)
    assert consent.stopped_by_hand(run.ledger.entries(), "policy", three[2].digest) == ""


def test_a_rollback_that_does_not_prove_itself_leaves_the_champion(run: Run, three: list[Version]) -> None:
    with pytest.raises(PromotionRefused, match="policy version 3 is champion now"):
        back(run, proof=refuses)
    (stored(three[1]) / "model.safetensors").write_text("another")
    with pytest.raises(DigestMismatch, match="policy version 3 is champion now"):
        back(run)

    assert (champion(), previous()) == (3, 2)


@pytest.mark.parametrize(("to", "error", "said"), [
    (3, PromotionRefused, "is the champion already"), (9, UnknownVersion, "knows no version 9"),
    (4, PromotionRefused, "version 4: was never champion, so there is no way back to it; wanted one of: 1, 2, 3")])
def test_a_rollback_goes_to_an_earlier_champion_alone(
    run: Run, three: list[Version], to: int, error: type[Exception], said: str
) -> None:
    decided(run, "four")
    with pytest.raises(error, match=said):
        back(run, to=to)
    assert champion() == 3


def test_there_is_no_way_back_to_what_was_rejected_since(run: Run, three: list[Version]) -> None:
    keys = people(run.root, "ann")
    reject(desk(run.root), 2, keys["ann"], "it lies")

    with pytest.raises(PromotionRefused, match="was rejected by ann"):
        back(run)
    back(run, to=1)
    assert champion() == 1


def test_a_version_rejected_between_its_swap_and_its_proof_is_taken_back(run: Run, versions: list[Version]) -> None:
    """As a kill leaves it: the swap has happened, and the next start would prove it."""
    with pytest.raises(Killed):
        promote(run, versions[0], None, dies)
    run.record("rejected", name="policy", version=1, digest=versions[0].digest,
               statement={"approver": "ann", "signed": "2026-11-21T12:00:00Z", "reason": "it lies"})

    settle(run, proves([]))

    assert champion() is None
    assert kinds(run)[-1] == "promotion undone"


def test_who_promotes_while_another_proves_waits_for_its_end(run: Run, versions: list[Version]) -> None:
    with alone(run.home), pytest.raises(ServiceUnreachable, match="another promotion has not ended in 0 s"), \
            alone(run.home, wait_seconds=0.1):
        pass
