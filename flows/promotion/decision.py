"""From evidence to a decision that is in the ledger before anything acts on it."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from flows.run import Run
from tasks.contracts.canonical import canonical_json, file_sha256, folder_digest, sha256_hex
from tasks.contracts.errors import DigestMismatch
from tasks.contracts.evidence import Decision, Evidence, Finding
from tasks.contracts.gate_config import GatesConfig
from tasks.contracts.measured_on import expected_of
from tasks.contracts.places import COMPARISON, EVIDENCE, POLICY
from tasks.gates.decide import decide
from tasks.records.registry import Version

COMPARED = COMPARISON / "evidence.json"


@dataclass(frozen=True)
class Candidate:
    """The policy that this run's stages made, with what is known of it."""

    digest: str
    evidence: Evidence | None
    evidence_sha256: str | None  # of evidence.json as it lies there


def read_candidate(root: Path) -> Candidate:
    """Read the policy's digest from its bytes, and its evidence.

    Raises:
        DigestMismatch: the evidence is of other bytes.
    """
    digest, path = folder_digest(root / POLICY), root / EVIDENCE / "evidence.json"
    evidence = read_evidence(path)
    if evidence is not None and evidence.candidate != digest:
        raise DigestMismatch(
            "the evidence was measured on another model", where=str(path), wanted=digest, found=evidence.candidate,
            next_step="Run `hallmark retrain --force`.")
    return Candidate(digest, evidence, file_sha256(path) if path.is_file() else None)


def read_evidence(path: Path) -> Evidence | None:
    """Evidence from its file; None where it is missing or cannot be read, which the gate refuses."""
    try:
        return Evidence.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def with_comparison(candidate: Candidate, root: Path) -> Evidence | None:
    """The evidence that the comparison wrote, the stage's own in it; without one, the rules about a champion refuse."""
    found = read_evidence(root / COMPARED)
    return found if found is not None and found.candidate == candidate.digest else candidate.evidence


def rules_digest(gates: GatesConfig) -> str:
    """What a decision depends on besides the evidence: the rules, and how several are corrected for."""
    return sha256_hex(canonical_json(gates.model_dump(mode="json")))


def decide_on(run: Run, candidate: Candidate, evidence: Evidence | None, champion: Version | None) -> Decision:
    """Decide and record; the evidence must be about the bytes that lie there now.

    Args:
        champion: the other champion, None where none stands.
    """
    gates, against = run.params.gates, champion.version if champion else None
    expected = expected_of(
        candidate.digest, [metric.name for metric in evidence.metrics] if evidence else [],
        champion=champion.digest if champion else None, root=run.root)
    decision = decide(evidence, gates.rules, champion is not None, correction=gates.correction, expected=expected)
    run.record(
        "gate decided", candidate=candidate.digest, verdict=decision.verdict, evidence=candidate.evidence_sha256,
        rules=rules_digest(gates), against=against, decision=decision.model_dump(mode="json"))
    return decision


def refusal(decision: Decision) -> str:
    """Why a candidate is refused, as one sentence with every failed finding."""
    if not decision.findings:
        return "refused: params.yaml has no gate rule that asks, and without one nothing is promoted"
    return "refused: " + "; ".join(finding_in_words(one) for one in decision.findings if not one.passed)


def finding_in_words(finding: Finding) -> str:
    """`policy_vs_sft_win_rate wanted low >= 0.65, found 0.41 [0.36, 0.46]: the judge …`."""
    found = "nothing" if finding.found is None else f"{finding.found:.4g}"
    if finding.low is not None and finding.high is not None:
        found += f" [{finding.low:.4g}, {finding.high:.4g}]"
    reason = f": {finding.reason}" if finding.reason else ""
    return f"{finding.metric} wanted {finding.wanted}, found {found}{reason}"
