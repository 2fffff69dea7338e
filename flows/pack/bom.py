"""The machine learning bill of materials: CycloneDX 1.6, with model card, the model's files, the data and the packages.

The library has no classes yet for a model card and for data, so these two are added to what it wrote, and the whole
is held against its strict schema.
"""

import json
import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Any

from flows.lineage.versions import NOT_RECORDED
from flows.pack.card import number
from flows.pack.statements import packages
from flows.pack.subject import Subject
from tasks.contracts.errors import Fault

if TYPE_CHECKING:
    from cyclonedx.model.component import Component

MODEL = "model"  # its reference within the document
TOLD = ("licence", "consent", "source", "guideline", "collected", "collected_by")  # of a data file, in params.yaml


def bill_of_materials(subject: Subject) -> bytes:
    """The document as JSON. Raises Fault where it does not fit the standard's own strict schema."""
    from cyclonedx.output.json import JsonV1Dot6
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    said = json.loads(JsonV1Dot6(_document(subject)).output_as_string())
    said["metadata"]["component"]["modelCard"] = model_card(subject)
    for one in said["components"]:
        if one["type"] == "data":
            one["data"] = [data_of(next(source for source in subject.sources if source["path"] == one["name"]))]
    text = json.dumps(said, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if fault is not None:
        raise Fault("the bill of materials does not fit CycloneDX 1.6", found=str(fault)[:300])
    return text.encode()


def _document(subject: Subject) -> Any:
    from cyclonedx.model.bom import Bom, BomMetaData
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.model.tool import ToolRepository
    from packageurl import PackageURL

    made = [*_models(subject), *_data(subject)]
    made += [Component(name=name, version=version, type=ComponentType.LIBRARY, bom_ref=f"package {name}",
                       purl=PackageURL("pypi", name=name, version=version)) for name, version in packages(subject)]
    model = _model(subject)
    bom = Bom(
        components=made, serial_number=uuid.uuid5(uuid.NAMESPACE_OID, f"hallmark {subject.one.bundle}"),
        metadata=BomMetaData(component=model, timestamp=datetime.fromisoformat(subject.one.time), tools=ToolRepository(
            components=[Component(name="hallmark", type=ComponentType.APPLICATION)])))
    bom.register_dependency(model, made)
    return bom


def _model(subject: Subject) -> "Component":
    from cyclonedx.model import Property
    from cyclonedx.model.component import Component, ComponentType

    one = subject.one
    files = [Component(name=part.path, type=ComponentType.FILE, bom_ref=f"file {part.path}",
                       hashes=[_sha256(part.sha256)]) for part in subject.files]
    about = {"hallmark:model_digest": one.digest, "hallmark:evidence_bundle": one.bundle, "hallmark:run": one.run,
             "hallmark:ledger_entry": str(one.entry), "hallmark:commit": str(subject.started.payload["commit"])}
    return Component(
        name=one.name, version=str(one.version), type=ComponentType.MACHINE_LEARNING_MODEL, bom_ref=MODEL,
        components=files, properties=[Property(name=name, value=value) for name, value in about.items()])


def _models(subject: Subject) -> list["Component"]:
    """The models that this one was made with; the digest of each is over its files, so it is no hash of a file."""
    from cyclonedx.model import Property
    from cyclonedx.model.component import Component, ComponentType

    kind = ComponentType.MACHINE_LEARNING_MODEL
    return [Component(name=name, version=digest[:12], type=kind, bom_ref=f"model {name}",
                      properties=[Property(name="hallmark:model_digest", value=digest)])
            for name, digest in sorted(subject.bundle["models"].items()) if name != subject.one.name]


def _data(subject: Subject) -> list["Component"]:
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.model.license import DisjunctiveLicense

    return [Component(
        name=str(one["path"]), type=ComponentType.DATA, bom_ref=f"data {one['path']}", hashes=[_sha256(one["sha256"])],
        licenses=[DisjunctiveLicense(name=str(one["licence"]))] if one["licence"] != NOT_RECORDED else [])
        for one in subject.sources]


def data_of(source: dict[str, Any]) -> dict[str, Any]:
    """What is told of a data file."""
    told = {"rows accepted": str(source["rows_accepted"]), "split": str(source["split"])}
    told |= {key: str(source.get(key) or NOT_RECORDED) for key in TOLD}
    return {"type": "dataset", "name": source["path"], "classification": NOT_RECORDED,
            "description": f"rows of the kind {source['kind']}",
            "contents": {"properties": [{"name": f"hallmark:{name}", "value": value} for name, value in told.items()]}}


def model_card(subject: Subject) -> dict[str, Any]:
    """The part of the document that says what the model is and how well it did."""
    kind = subject.setting("base", "kind") or "transformer"
    metrics = [{"type": one["name"], "value": number(one["value"]), "confidenceInterval": {
        "lowerBound": number(one["low"]), "upperBound": number(one["high"])}} for one in subject.metrics]
    return {
        "modelParameters": {
            "approach": {"type": "reinforcement-learning"}, "task": "text-generation", "architectureFamily": kind,
            "datasets": [{"ref": f"data {one['path']}"} for one in subject.sources],
            "inputs": [{"format": "text"}], "outputs": [{"format": "text"}]},
        "quantitativeAnalysis": {"performanceMetrics": metrics},
        "properties": [{"name": "hallmark:gate", "value": subject.bundle["decision"]["verdict"]}]}


def _sha256(digest: str) -> Any:
    from cyclonedx.model import HashAlgorithm, HashType

    return HashType(alg=HashAlgorithm.SHA_256, content=digest)
