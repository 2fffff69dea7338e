"""Approval, override, rejection and expiry: real bundles, ledger, registry, git and keys."""

import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flows.desk import Desk
from flows.promotion import consent, history, succession
from flows.promotion.approval import approve, close_expired, record, reject
from flows.promotion.by_hand import promote_version
from flows.run import Run
from tasks.contracts.errors import DigestMismatch, HallmarkError, PromotionRefused
from tasks.records import registry
from tasks.records.approvals import read_signed
from tasks.records.signatures import Key
from tests.flows.hands import AUTHOR, decided, desk, people, proves, started_by


@pytest.fixture
def keys(workspace: Path) -> dict[str, Key]:
    return people(workspace, "ann", "bob", "eve", listed=("ann", "bob"))


@pytest.fixture
def run(keys: dict[str, Key], workspace: Path) -> Run:
    return started_by("carol", workspace)


def champion() -> int | None:
    found = registry.by_alias("policy", "champion")
    return found.version if found else None


def kinds(run: Run) -> list[str]:
    return [entry.kind for entry in run.ledger.entries()]


def in_hours(hours: float) -> datetime:
    return datetime.now(UTC) + timedelta(hours=hours)


def test_a_version_that_one_person_approved_is_promoted_and_the_ledger_says_by_whom(
    run: Run, keys: dict[str, Key]
) -> None:
    version = decided(run, "one")
    with pytest.raises(PromotionRefused, match="too few signatures count; wanted 1 to approve it, found 0"):
        promote_version(desk(run.root), version.version, proves)
    assert champion() is None

    approve(desk(run.root), version.version, keys["ann"], "reads well")
    promote_version(desk(run.root), version.version, proves)

    assert champion() == version.version
    assert registry.by_alias("policy", "challenger") is None  # it is none any more
    last = run.ledger.entries()[-1]
    assert (last.kind, last.payload["approvals"], last.payload["override"]) == ("promoted", ["ann"], None)
    assert run.ledger.verify().ok


def test_the_signature_in_the_ledger_is_over_bundle_bytes_version_and_expiry(run: Run, keys: dict[str, Key]) -> None:
    version = decided(run, "one")
    approve(desk(run.root), version.version, keys["ann"], "reads well")

    (payload,) = [entry.payload for entry in run.ledger.entries("approved")]
    said = read_signed(payload).statement
    (bundle,) = (run.home / "bundles").glob("*.json")
    assert (said.decision, said.version, said.model, said.bundle) == ("approve", 1, version.digest, bundle.stem)
    waits = datetime.fromisoformat(said.expires) - run.started  # the toy's settings: 72 hours from the asking
    assert timedelta(hours=71, minutes=59) < waits <= timedelta(hours=72)


def test_a_key_that_is_only_on_an_edited_list_is_unknown(run: Run, keys: dict[str, Key]) -> None:
    version = decided(run, "one")
    listed = run.root / "infra/approvers.yaml"
    listed.write_text(f"approvers:\n  - {{name: eve, key: {keys['eve'].public}}}\n")

    with pytest.raises(PromotionRefused, match="the key is unknown; wanted a key of ann, bob"):
        approve(desk(run.root), version.version, keys["eve"], "let me")
    with pytest.raises(PromotionRefused, match="the key is unknown"):
        reject(desk(run.root), version.version, keys["eve"], "let me")


def test_who_was_struck_off_the_list_after_signing_does_not_count(run: Run, keys: dict[str, Key]) -> None:
    version = decided(run, "one")
    approve(desk(run.root), version.version, keys["ann"], "reads well")
    (run.root / "infra/approvers.yaml").write_text("approvers: []\n")
    subprocess.run(["git", *AUTHOR, "commit", "-qam", "nobody"], check=True)

    with pytest.raises(PromotionRefused, match=r"found 0; .*the key is unknown"):
        promote_version(desk(run.root), version.version, proves)


def test_who_started_the_run_cannot_approve_it_unless_the_setting_allows_it(
    keys: dict[str, Key], workspace: Path
) -> None:
    own = started_by("ann", workspace)
    version = decided(own, "one")

    with pytest.raises(PromotionRefused, match="who started the run cannot approve it"):
        approve(desk(workspace), version.version, keys["ann"], "mine")

    params = workspace / "params.yaml"
    shipped = params.read_text()
    params.write_text(shipped.replace("  approvals: 1 ", "  four_eyes: false\n  approvals: 1 "))
    approve(desk(workspace), version.version, keys["ann"], "mine")
    params.write_text(shipped)  # asked for again: the signature that is there does not count
    with pytest.raises(PromotionRefused, match="found 0; ann: who started the run cannot approve it"):
        promote_version(desk(workspace), version.version, proves)


def test_a_forged_signature_in_the_ledger_promotes_nothing(run: Run, keys: dict[str, Key]) -> None:
    version = decided(run, "one")
    at = desk(run.root)
    signed = approve(at, version.version, keys["ann"], "reads well")
    second = decided(run, "two")
    # whoever may write entries, but has not ann's key, changes what she signed to be about the other version
    case = at.case(second.version)
    statement = replace(signed.statement, version=second.version, model=second.digest, bundle=case.bundle)
    record(at, "approved", case, replace(signed, statement=statement))

    with pytest.raises(PromotionRefused, match="found 0; ann: the signature is forged"):
        promote_version(at, second.version, proves)
    assert champion() is None


def test_a_signature_of_another_version_is_reused(run: Run, keys: dict[str, Key]) -> None:
    first, second = decided(run, "one"), decided(run, "two")
    at = desk(run.root)
    signed = approve(at, first.version, keys["ann"], "reads well")
    record(at, "approved", at.case(second.version), signed)

    with pytest.raises(PromotionRefused, match="found 0; ann: the signature is reused: it is of another version"):
        promote_version(at, second.version, proves)


def test_a_signature_on_earlier_evidence_of_the_same_bytes_is_reused(run: Run, keys: dict[str, Key]) -> None:
    version = decided(run, "one", low=0.6)
    approve(desk(run.root), version.version, keys["ann"], "reads well")
    assert decided(run, "one", low=0.7) == version  # measured again

    with pytest.raises(PromotionRefused, match="reused: it is of another evidence bundle"):
        promote_version(desk(run.root), version.version, proves)
    approve(desk(run.root), version.version, keys["ann"], "still")
    promote_version(desk(run.root), version.version, proves)
    assert champion() == version.version


def test_an_expired_signature_promotes_nothing_and_the_expiry_is_in_the_ledger_once(
    run: Run, keys: dict[str, Key]
) -> None:
    version = decided(run, "one")
    approve(desk(run.root), version.version, keys["ann"], "reads well")
    late = desk(run.root, lambda: in_hours(73))
    late_again = Desk("late", late.root, late.home, late.params, run.ledger, late.actor, late.clock)

    for _ in range(2):
        with pytest.raises(PromotionRefused, match=r"found 0; ann: the signature is expired; .*waited too long"):
            promote_version(late_again, version.version, proves)
    with pytest.raises(PromotionRefused, match="its time is expired"):
        approve(late_again, version.version, keys["bob"], "me too")

    assert kinds(run).count("approval expired") == 1
    assert registry.by_alias("policy", "challenger") is None
    assert history.challengers(run.ledger.entries(), "policy") == []


def test_a_wait_lasts_until_its_last_second(run: Run, keys: dict[str, Key]) -> None:
    version = decided(run, "one")
    until = consent.case_of(run.ledger.entries(), "policy", version.version).asked_until
    assert until is not None

    assert close_expired(run, until - timedelta(seconds=1)) == []
    assert [one.version for one in close_expired(run, until)] == [version.version]
    assert close_expired(run, until) == []


def test_one_person_counts_once(run: Run, keys: dict[str, Key]) -> None:
    params = run.root / "params.yaml"
    params.write_text(params.read_text().replace("  approvals: 1 ", "  approvals: 2 "))
    version = decided(run, "one")
    signed = approve(desk(run.root), version.version, keys["ann"], "reads well")
    with pytest.raises(PromotionRefused, match="ann: has approved it already"):
        approve(desk(run.root), version.version, keys["ann"], "really")
    record(desk(run.root), "approved", desk(run.root).case(version.version), signed)

    with pytest.raises(PromotionRefused, match=r"wanted 2 to approve it, found 1 \(ann\)"):
        promote_version(desk(run.root), version.version, proves)
    approve(desk(run.root), version.version, keys["bob"], "yes")
    promote_version(desk(run.root), version.version, proves)
    assert run.ledger.entries()[-1].payload["approvals"] == ["ann", "bob"]


def test_what_was_rejected_stays_so_whoever_signs_and_whatever_is_measured(run: Run, keys: dict[str, Key]) -> None:
    version = decided(run, "one")
    approve(desk(run.root), version.version, keys["ann"], "reads well")
    reject(desk(run.root), version.version, keys["bob"], "it swears")

    said = "was rejected by bob at .* and stays so: it swears"
    for attempt in (lambda: promote_version(desk(run.root), version.version, proves),
                    lambda: approve(desk(run.root), version.version, keys["ann"], "no, good"),
                    lambda: reject(desk(run.root), version.version, keys["ann"], "twice")):
        with pytest.raises(PromotionRefused, match=said):
            attempt()
    decided(run, "one", low=0.9)
    with pytest.raises(PromotionRefused, match=said):
        promote_version(desk(run.root), version.version, proves)
    assert champion() is None
    assert registry.get("policy", version.version).tags["hallmark.rejected"] == "it swears (bob)"
    assert consent.stopped_by_hand(run.ledger.entries(), "policy", version.digest).endswith("it swears")


def test_a_champion_is_taken_back_and_not_rejected_where_it_stands(run: Run, keys: dict[str, Key]) -> None:
    version = decided(run, "one")
    approve(desk(run.root), version.version, keys["ann"], "reads well")
    promote_version(desk(run.root), version.version, proves)

    with pytest.raises(PromotionRefused, match="hallmark rollback"):
        reject(desk(run.root), version.version, keys["bob"], "it swears")


def test_an_override_takes_two_signers_who_say_so_a_reason_and_is_shown_for_ever(
    run: Run, keys: dict[str, Key]
) -> None:
    version, at = decided(run, "one", low=0.1), desk(run.root)
    with pytest.raises(PromotionRefused, match="the gate refused it"):
        approve(at, version.version, keys["ann"], "please")
    approve(at, version.version, keys["ann"], "the judge is wrong", override=True)
    with pytest.raises(PromotionRefused, match="the gate refused it"):
        promote_version(at, version.version, proves)
    with pytest.raises(PromotionRefused, match=r"wanted 2 to override it, found 1 \(ann\)"):
        promote_version(at, version.version, proves, override=True, reason="the judge is wrong")
    approve(at, version.version, keys["bob"], "I agree", override=True)
    with pytest.raises(HallmarkError, match="an override wants a reason"):
        promote_version(at, version.version, proves, override=True, reason=" ")

    promote_version(at, version.version, proves, override=True, reason="the judge is wrong")

    said = "the judge is wrong (ann, bob)"
    standing = history.champion(run.ledger.entries(), "policy")
    assert standing is not None
    assert (champion(), standing.override) == (version.version, said)
    assert registry.get("policy", version.version).tags["hallmark.override"] == said
    decided(run, "one", low=0.9)  # it passes later, on other evidence
    assert succession.overridden(run.ledger.entries(), "policy") == {version.version: said}


def test_what_passed_is_not_overridden(run: Run, keys: dict[str, Key]) -> None:
    version = decided(run, "one")
    with pytest.raises(PromotionRefused, match="nothing to override"):
        approve(desk(run.root), version.version, keys["ann"], "please", override=True)


def test_a_bundle_that_was_changed_is_neither_approved_nor_promoted(run: Run, keys: dict[str, Key]) -> None:
    version = decided(run, "one")
    approve(desk(run.root), version.version, keys["ann"], "reads well")
    (bundle,) = (run.home / "bundles").glob("*.json")
    bundle.write_text(bundle.read_text().replace('"low":0.6', '"low":0.7'))

    with pytest.raises(DigestMismatch, match="bundle was changed"):
        approve(desk(run.root), version.version, keys["bob"], "me too")
    with pytest.raises(DigestMismatch, match="bundle was changed"):
        promote_version(desk(run.root), version.version, proves)
    assert champion() is None


def test_what_was_compared_with_another_champion_is_not_promoted(run: Run, keys: dict[str, Key]) -> None:
    first, second = decided(run, "one"), decided(run, "two")  # both against nobody
    for version in (first, second):
        approve(desk(run.root), version.version, keys["ann"], "reads well")
    promote_version(desk(run.root), first.version, proves)

    with pytest.raises(PromotionRefused, match=r"promotion came first.*wanted nobody as champion, found version 1"):
        promote_version(desk(run.root), second.version, proves)
    assert champion() == first.version
