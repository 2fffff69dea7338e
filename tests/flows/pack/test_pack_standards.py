"""What a pack says in the standards' words, read by the standards' own libraries; and that it holds no text of rows."""

import csv
import gzip
import json
import re
import zipfile
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from flows.cli import main as cli
from tasks.records.key_chain import KeyChain
from tests.flows.audit_world import World, copy_of

VERSIONS = (1, 4, 6)  # an earlier champion, an overridden one of a dirty tree that was taken back, one that waits


@pytest.fixture(scope="module")
def packs(lived: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, dict[int, Path]]]:
    """The world, and the packs of some of its versions with the ids of their rows."""
    folder = tmp_path_factory.mktemp("packs")
    with pytest.MonkeyPatch.context() as patch:
        world = copy_of(lived, folder)
        patch.chdir(world.root)
        patch.setenv("HALLMARK_HOME", str(world.home))
        made = {number: folder / f"{number}.zip" for number in VERSIONS}
        for number, path in made.items():
            assert cli.run(("audit", "pack", str(number), "--out", str(path), "--rows")) == 0
        yield world, made


@pytest.fixture
def keys(packs) -> KeyChain:
    return packs[0].ledger.keys()


def read(packs, version: int, name: str) -> bytes:
    with zipfile.ZipFile(packs[1][version]) as zipped:
        return zipped.read(name)


def said(packs, version: int, name: str) -> dict:
    return json.loads(read(packs, version, name))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ["provenance", "test-result"])
def test_another_program_verifies_the_envelopes_and_reads_the_statements(packs, keys, version: int, name: str) -> None:
    from google.protobuf.json_format import Parse, ParseDict
    from in_toto_attestation.predicates.provenance.v1.provenance_pb2 import Provenance
    from in_toto_attestation.predicates.test_result.v0.test_result_pb2 import TestResult
    from in_toto_attestation.v1 import statement_pb2
    from in_toto_attestation.v1.statement import Statement
    from securesystemslib.dsse import Envelope
    from securesystemslib.exceptions import VerificationError
    from securesystemslib.signer import SSlibKey

    def key(public: str) -> SSlibKey:
        return SSlibKey(keys.current, "ed25519", "ed25519", {"public": public})

    envelope = Envelope.from_dict(said(packs, version, f"attestations/{name}.intoto.json"))
    assert envelope.payload_type == "application/vnd.in-toto+json"
    assert envelope.verify([key(keys.current)], 1)
    with pytest.raises(VerificationError):
        envelope.verify([key(keys.first)], 1)
    statement = Statement.copy_from_pb(Parse(envelope.payload, statement_pb2.Statement()))
    statement.validate()
    predicate = json.loads(envelope.payload)["predicate"]
    ParseDict(predicate, {"provenance": Provenance, "test-result": TestResult}[name]())  # refuses unknown fields


def test_the_gates_refusal_is_a_failed_test_result(packs) -> None:
    import base64

    envelope = said(packs, 4, "attestations/test-result.intoto.json")
    predicate = json.loads(base64.b64decode(envelope["payload"]))["predicate"]
    assert predicate["result"] == "FAILED"
    assert predicate["failedTests"] == ["judge_score"]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_bill_of_materials_fits_the_strict_schema_and_names_data_and_packages(packs, version: int) -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    text = read(packs, version, "bom/model.cdx.json").decode()
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str(text) is None
    assert validator.validate_str(text.replace('"machine-learning-model"', '"model"')) is not None  # it does look
    bom = json.loads(text)
    parts = {one["name"]: one for one in bom["components"]}
    assert bom["metadata"]["component"]["type"] == "machine-learning-model"
    assert parts["data/demonstrations.jsonl"]["licenses"] == [{"license": {"name": "CC-BY-4.0"}}]
    assert "licenses" not in parts["data/held_out.jsonl"]  # nobody recorded one
    pins = (packs[0].root / "infra/constraints.txt").read_text().split()
    assert {one["purl"] for one in bom["components"] if one["type"] == "library"} == {
        f"pkg:pypi/{pin.replace('==', '@')}" for pin in pins if "==" in pin}
    metrics = bom["metadata"]["component"]["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    assert {one["type"] for one in metrics} == {"judge_score", "kl_nats"}
    assert {one["ref"] for one in bom["metadata"]["component"]["modelCard"]["modelParameters"]["datasets"]} <= {
        one["bom-ref"] for one in bom["components"]}


@pytest.mark.parametrize("version", VERSIONS)
def test_each_stage_starts_and_completes_in_the_lineage_events(packs, version: int) -> None:
    from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
    from openlineage.client.serde import Serde

    found = [json.loads(line) for line in read(packs, version, "lineage/openlineage.jsonl").splitlines()]
    for one in found:
        event = RunEvent(
            eventTime=one["eventTime"], eventType=RunState(one["eventType"]), producer=one["producer"],
            run=Run(**one["run"]), job=Job(**one["job"]), inputs=[InputDataset(**each) for each in one["inputs"]],
            outputs=[OutputDataset(**each) for each in one["outputs"]])
        assert json.loads(Serde.to_json(event)) == one
    stages = [one["job"]["name"] for one in found]
    assert stages == [name for name in dict.fromkeys(stages) for _ in ("START", "COMPLETE")]
    assert stages[::2] == ["check_data", "prepare_data", "train_sft", "train_reward", "train_policy", "evaluate"]
    policy = next(one for one in found if one["job"]["name"] == "train_policy" and one["eventType"] == "COMPLETE")
    assert {each["name"] for each in policy["inputs"]} == {"build/prepared", "build/sft", "build/reward"}
    assert [each["name"] for each in policy["outputs"]] == ["build/policy"]
    first = next(one for one in found if one["job"]["name"] == "check_data")
    assert "data/demonstrations.jsonl" in {each["name"] for each in first["inputs"]}
    assert len({one["run"]["runId"] for one in found}) == len(found) / 2


@pytest.mark.parametrize("version", VERSIONS)
def test_the_data_sheet_is_valid_croissant_and_names_files_and_fields(packs, version: int) -> None:
    import mlcroissant

    sheet = said(packs, version, "data/croissant.json")
    metadata = mlcroissant.Dataset(jsonld=sheet).metadata
    assert not metadata.ctx.issues.errors
    files = {one.content_url: one for one in metadata.file_objects}
    assert ("data/later.jsonl" in files) == (version != 1)
    assert "guideline: compare 4" in files["data/preferences.jsonl.gz"].description
    assert sorted(metadata.license) == ["CC-BY-4.0", "CC0-1.0"]
    fields = {field.name for record_set in metadata.record_sets for field in record_set.fields}
    assert fields == {"prompt", "response", "chosen", "rejected"}
    broken = json.loads(json.dumps(sheet).replace('"cr:fileObject"', '"cr:nothing"').replace("contentUrl", "contentUr"))
    with pytest.raises(mlcroissant.ValidationError):
        mlcroissant.Dataset(jsonld=broken)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_hub_reads_the_front_matter_of_the_model_card(packs, version: int) -> None:
    from huggingface_hub import ModelCard

    card = ModelCard(read(packs, version, "model-card.md").decode(), ignore_metadata_errors=False)
    assert card.data.to_dict()["library_name"] == "transformers"
    results = card.data.to_dict()["model-index"][0]["results"]
    assert {metric["type"] for one in results for metric in one["metrics"]} == {"judge_score", "kl_nats"}
    assert f"# policy version {version}" in card.text


def test_the_card_tells_overrides_rollbacks_and_uncommitted_changes(packs) -> None:
    card = read(packs, 4, "model-card.md").decode()
    assert "| standing | taken back: swears at customers |" in card
    assert "| override: the demo is tomorrow | ben |" in card
    assert "promoted over the gate: the demo is tomorrow | ben, cora |" in card
    assert "| gave way to version 2: swears at customers | ben |" in card
    assert "dirty: the changes are in run/uncommitted.patch" in card
    assert b"+seed: 4" in read(packs, 4, "run/uncommitted.patch")
    assert re.search(r"\| judge_score \| low >= 0.5 \| 0\.\d+ \| failed \|", card)


@pytest.mark.parametrize("version", VERSIONS)
def test_each_cell_after_annex_iv_names_entries_or_says_not_recorded(packs, version: int) -> None:
    rows = list(csv.DictReader(read(packs, version, "annex-iv.csv").decode().splitlines()))
    assert [row["point"] for row in rows] == sorted((row["point"] for row in rows), key=lambda point: point)
    assert {row["point"].split("(")[0] for row in rows} == set("123456789")
    entries = {line["entry"]["index"]: line["entry"] for line in map(
        json.loads, read(packs, version, "ledger/entries.jsonl").splitlines())}
    for row in rows:
        assert bool(row["ledger entries"]) == (row["answer"] != "not recorded"), row
        assert all(int(index) in entries for index in row["ledger entries"].split())
    with zipfile.ZipFile(packs[1][version]) as zipped:
        assert {row["file"] for row in rows} - {""} <= set(zipped.namelist())
    answers = {row["asked"]: row for row in rows}
    assert answers["risk management"]["answer"] == "not recorded"
    assert "guideline compare 4" in answers["labelling"]["answer"]
    assert entries[int(answers["versions of software"]["ledger entries"])]["kind"] == "run started"
    page = read(packs, version, "annex-iv.html").decode()
    HTMLParser().feed(page)
    assert "<script" not in page
    assert page.count("<tr>") == len(rows) + 1
    assert all(f'<a href="{row["file"]}">' in page for row in rows if row["file"])


@pytest.mark.parametrize("version", VERSIONS)
def test_no_text_of_a_row_is_in_a_pack(packs, version: int) -> None:
    world = packs[0]
    texts = {text for path in (world.root / "data").iterdir() for text in texts_of(path)}
    assert len(texts) > 50
    with zipfile.ZipFile(packs[1][version]) as zipped:
        for name in zipped.namelist():
            content = zipped.read(name).decode("utf-8", "replace")
            assert not [text for text in texts if text in content], name


def texts_of(path: Path) -> Iterator[str]:
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    for line in raw.decode().splitlines():
        row = json.loads(line) if line.startswith("{") else {}
        yield from (str(row[name]) for name in ("prompt", "chosen", "rejected", "response")
                    if len(str(row.get(name, ""))) > 9)
