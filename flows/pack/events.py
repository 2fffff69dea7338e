"""OpenLineage events of the run that made a version: START and COMPLETE of each stage, with what it read and wrote.

The ledger has the time before the first stage and after the last one, and no other; these are the times of the events.
"""

import json
import uuid
from typing import TYPE_CHECKING, Any

from flows.dvc_lock import CODE, NO_STAGE, Locks, raw_data, read_locks
from flows.lineage.versions import NOT_RECORDED
from flows.pack.subject import Subject
from tasks.contracts.places import DVC_LOCK

if TYPE_CHECKING:
    from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, RunEvent
    from openlineage.client.event_v2 import Run as LineageRun

PRODUCER = "urn:hallmark"


def lineage_events(subject: Subject) -> bytes:
    """The events, one a line; none where the run recorded no stages."""
    from openlineage.client.serde import Serde

    return b"".join(Serde.to_json(event).encode() + b"\n" for event in events(subject))


def events(subject: Subject) -> list["RunEvent"]:
    from openlineage.client.event_v2 import RunEvent, RunState

    locks, finished = read_locks(subject.traced.kept(DVC_LOCK)), subject.stages
    made = []
    for stage in finished.payload["stages"] if finished else []:
        name = str(stage["name"])
        run, job = _run(subject, name), _job(subject, name)
        inputs, outputs = _inputs(subject, locks, name), _outputs(subject, locks, name)
        times = {RunState.START: subject.started.time, RunState.COMPLETE: finished.time if finished else ""}
        for state, time in times.items():
            made.append(RunEvent(eventTime=time, eventType=state, run=run, job=job, inputs=inputs,
                                 outputs=outputs if state is RunState.COMPLETE else [], producer=PRODUCER))
    return made


def run_id(run: str, stage: str = "") -> str:
    """The UUID of a run or of one of its stages: the same for the same names."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"hallmark {run} {stage}"))


def _run(subject: Subject, stage: str) -> "LineageRun":
    from openlineage.client.event_v2 import Run
    from openlineage.client.facet_v2 import parent_run, processing_engine_run

    one = subject.one
    return Run(runId=run_id(one.run, stage), facets={
        "parent": parent_run.ParentRunFacet(
            run=parent_run.Run(runId=run_id(one.run)), producer=PRODUCER,
            job=parent_run.Job(namespace=_namespace(subject), name="retrain")),
        "processing_engine": processing_engine_run.ProcessingEngineRunFacet(
            version=str(subject.started.payload.get("python", NOT_RECORDED)), name="Python", producer=PRODUCER)})


def _job(subject: Subject, stage: str) -> "Job":
    from openlineage.client.event_v2 import Job
    from openlineage.client.facet_v2 import job_type_job, source_code_location_job

    return Job(namespace=_namespace(subject), name=stage, facets={
        "jobType": job_type_job.JobTypeJobFacet(
            processingType="BATCH", integration="HALLMARK", jobType="STAGE", producer=PRODUCER),
        "sourceCodeLocation": source_code_location_job.SourceCodeLocationJobFacet(
            type="git", url=f"git:{subject.started.payload['commit']}", path=f"tasks/{stage}.py",
            version=str(subject.started.payload["commit"]), producer=PRODUCER)})


def _inputs(subject: Subject, locks: Locks, stage: str) -> list["InputDataset"]:
    from openlineage.client.event_v2 import InputDataset

    read = {path: md5 for path, md5 in locks.get(stage, NO_STAGE).reads.items() if path.split("/")[0] not in CODE}
    raw = raw_data(locks, stage)
    files = [InputDataset(_namespace(subject), str(one["path"]), facets=_facets(str(one["sha256"]), _told(one)))
             for one in subject.sources if any(str(one["path"]).startswith(f"{path}/") for path in raw)]
    return [InputDataset(_namespace(subject), path, facets=_facets(md5)) for path, md5 in read.items()] + files


def _outputs(subject: Subject, locks: Locks, stage: str) -> list["OutputDataset"]:
    from openlineage.client.event_v2 import OutputDataset

    return [OutputDataset(_namespace(subject), path, facets=_facets(md5))
            for path, md5 in locks.get(stage, NO_STAGE).writes.items()]


def _facets(version: str, told: str = "") -> dict[str, Any]:
    from openlineage.client.facet_v2 import dataset_version_dataset, documentation_dataset

    facets: dict[str, Any] = {}
    if version:
        facets["version"] = dataset_version_dataset.DatasetVersionDatasetFacet(
            datasetVersion=version, producer=PRODUCER)
    if told:
        facets["documentation"] = documentation_dataset.DocumentationDatasetFacet(description=told, producer=PRODUCER)
    return facets


def _told(source: dict[str, Any]) -> str:
    keys = ("kind", "split", "rows_accepted", "licence", "consent")
    return json.dumps({key: source[key] for key in keys}, sort_keys=True)


def _namespace(subject: Subject) -> str:
    """All that this installation names is below one name: the first key of its ledger, which no other has."""
    return f"hallmark:{subject.first_key[:16]}"
