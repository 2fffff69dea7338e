"""A candidate becomes a version of a registered model, under a signed bundle of the evidence."""

from flows.erasure.affected import refuse_registration
from flows.lineage.keeping import Kept, keep, keep_file, manifest_roots
from flows.promotion.aliases import CHALLENGER, move, withdraw
from flows.promotion.decision import Candidate
from flows.promotion.verified import MODEL_FILES
from flows.run import Run
from flows.running.stages import StageRun
from tasks.contracts.canonical import canonical_json, file_sha256, folder_digest
from tasks.contracts.errors import DigestMismatch
from tasks.contracts.evidence import Decision, Evidence
from tasks.contracts.places import BASE, DVC_LOCK, POLICY, REWARD, SFT
from tasks.records import registry
from tasks.records.bundle import Bundle, write_bundle
from tasks.records.model_files import digest_of, files_of
from tasks.records.registry import Version
from tasks.records.signatures import load_or_make_key

MADE_BY = {POLICY: "train_policy", REWARD: "train_reward"}


def register(
    run: Run, candidate: Candidate, evidence: Evidence | None, decision: Decision, stages: list[StageRun]
) -> Version:
    """Write the bundle, register policy and reward model, and return the policy's version.

    What passed is challenger; what the gate refused is kept without that name, so that two signers can override it.
    """
    if evidence is None:  # there is nothing that anybody could sign
        raise DigestMismatch("nothing is registered without evidence", where=candidate.digest)
    names = run.params.promotion
    kept = keep(run)
    refuse_registration(kept.manifests, run.ledger)
    bundle = bundle_of(run, evidence, decision, kept)
    runs = {stage.name: stage.run_id for stage in stages}
    versions = {}
    for folder, name in ((REWARD, names.reward_model), (POLICY, names.policy_model)):
        files = files_of(run.root / folder)
        digest, listed = digest_of(files), keep_file(run.home, canonical_json(files))
        run.record("registering", name=name, digest=digest, bundle=bundle.digest)
        version = registry.register(
            run.root / folder, name, runs.get(MADE_BY[folder]) or run.parent_run,
            {"hallmark.bundle": bundle.digest, "hallmark.run": run.id, "hallmark.commit": run.digests.commit})
        run.record("registered", name=name, version=version.version, digest=version.digest, bundle=bundle.digest,
                   verdict=decision.verdict, source=version.source, run_id=version.run_id,
                   **kept.payload(), **{MODEL_FILES: listed})
        versions[folder] = version
    policy = versions[POLICY].version
    if decision.verdict == "promote":
        move(names.policy_model, CHALLENGER, policy)
    else:
        withdraw(names.policy_model, policy)  # where the same bytes passed other rules once
    return versions[POLICY]


def bundle_of(run: Run, evidence: Evidence, decision: Decision, kept: Kept) -> Bundle:
    """All that the decision rests on, in one signed file."""
    models = {run.params.promotion.policy_model: POLICY, run.params.promotion.reward_model: REWARD, "sft": SFT}
    models |= {"base": BASE} if (run.root / BASE).is_dir() else {}
    return write_bundle(
        run.home, load_or_make_key(run.home), evidence=evidence, decision=decision, rules=run.params.gates.rules,
        run=run.digests, dvc_lock_sha256=file_sha256(run.root / DVC_LOCK),
        models={name: folder_digest(run.root / folder) for name, folder in models.items()},
        manifest_roots=manifest_roots(run),
        manifest_rows={use: said["rows"] for use, said in kept.manifests.items()} if kept.manifests else None)
