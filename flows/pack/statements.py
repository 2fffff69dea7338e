"""in-toto statements about a version: how it was made (SLSA provenance) and what its gate said.

Each is in a DSSE envelope. Both are about the model's files by name and sha256.
"""

from typing import Any

from flows.pack.subject import Subject
from tasks.contracts.canonical import canonical_json
from tasks.contracts.places import CONSTRAINTS
from tasks.records.signatures import Key

PAYLOAD_TYPE = "application/vnd.in-toto+json"
PROVENANCE = "https://slsa.dev/provenance/v1"
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
BUILD_TYPE = "urn:hallmark:retraining:1"
MODEL_DIGEST = "hallmarkModel"  # sha256 over the sorted sha256 of a model's files: of no file itself


def provenance(subject: Subject) -> bytes:
    """The statement of how the model was made, as JSON."""
    from google.protobuf.json_format import MessageToDict, ParseDict
    from in_toto_attestation.predicates.provenance.v1 import provenance_pb2

    run = subject.started.payload
    finished = subject.stages
    said = {
        "buildDefinition": {
            "buildType": BUILD_TYPE, "resolvedDependencies": dependencies(subject),
            "externalParameters": {"params_sha256": run["params_sha256"], "forced": run.get("forced", False)},
            "internalParameters": {"hardware": run["hardware"], "dvc_lock_sha256": subject.bundle["dvc_lock_sha256"],
                                   "uncommitted_changes_sha256": run["diff_sha256"]}},
        "runDetails": {
            "builder": {"id": f"urn:hallmark:installation:{subject.first_key}"},
            "metadata": {"invocationId": subject.one.run, "startedOn": subject.started.time,
                         **({"finishedOn": finished.time} if finished else {})},
            "byproducts": [{"name": "evidence bundle", "digest": {"sha256": subject.one.bundle}}]}}
    checked = ParseDict(said, provenance_pb2.Provenance())  # which refuses unknown fields
    return statement(subject, PROVENANCE, MessageToDict(checked))


def dependencies(subject: Subject) -> list[dict[str, Any]]:
    """What the model was made from: commit, data files, base model, packages."""
    run, models = subject.started.payload, subject.bundle["models"]
    found: list[dict[str, Any]] = [{"name": "commit", "digest": {"gitCommit": run["commit"]}}]
    found += [{"name": str(one["path"]), "digest": {"sha256": one["sha256"]}} for one in subject.sources]
    found += [{"name": name, "digest": {MODEL_DIGEST: digest}} for name, digest in sorted(models.items())
              if name != subject.one.name]
    return found + [{"name": name, "uri": f"pkg:pypi/{name}@{version}"} for name, version in packages(subject)]


def packages(subject: Subject) -> list[tuple[str, str]]:
    """Name and version of each package that the run was pinned to; none where the lock file was not kept."""
    lines = (subject.kept(CONSTRAINTS) or b"").decode().splitlines()
    pairs = (line.partition("#")[0].strip().partition("==") for line in lines)
    return [(name, version) for name, _, version in pairs if version]


def gate_result(subject: Subject) -> bytes:
    """The statement of what the gate said, as JSON."""
    from google.protobuf.json_format import MessageToDict, ParseDict
    from in_toto_attestation.predicates.test_result.v0 import test_result_pb2

    findings = subject.findings
    said = {
        "result": "PASSED" if subject.bundle["decision"]["verdict"] == "promote" else "FAILED",
        "configuration": [{"name": "gate rules", "digest": {"sha256": subject.decided.payload["rules"]}},
                          {"name": "evidence bundle", "digest": {"sha256": subject.one.bundle}}],
        "passedTests": [one["metric"] for one in findings if one["passed"]],
        "failedTests": [one["metric"] for one in findings if not one["passed"]]}
    checked = ParseDict(said, test_result_pb2.TestResult())
    return statement(subject, TEST_RESULT, MessageToDict(checked))


def statement(subject: Subject, predicate_type: str, predicate: dict[str, Any]) -> bytes:
    """A statement about the model's files, checked by the library of the standard."""
    from google.protobuf.json_format import MessageToDict
    from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
    from in_toto_attestation.v1.statement import Statement

    files = [ResourceDescriptor(name=one.path, digest={"sha256": one.sha256}).pb for one in subject.files]
    made = Statement(files, predicate_type, predicate)
    made.validate()
    return canonical_json(MessageToDict(made.pb))


def envelope(key: Key, payload: bytes) -> bytes:
    """A statement in a DSSE envelope, signed by the installation's key, whose name is its hex."""
    from securesystemslib.dsse import Envelope
    from securesystemslib.signer import CryptoSigner, SSlibKey

    public = SSlibKey.from_crypto(key.private.public_key(), keyid=key.public)
    made = Envelope(payload, PAYLOAD_TYPE, {})
    made.sign(CryptoSigner(key.private, public))
    made.verify([public], 1)
    return canonical_json(made.to_dict()) + b"\n"
