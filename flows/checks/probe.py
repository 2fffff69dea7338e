"""Small questions to a Prefect server: does it create a run, does its scheduler make one, what does it serve."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID, uuid4

from prefect import flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId, FlowFilter, FlowFilterName
from prefect.client.schemas.schedules import CronSchedule
from prefect.client.schemas.sorting import FlowRunSort
from prefect.runtime import flow_run
from prefect.settings import PREFECT_API_URL, temporary_settings

EVERY_MINUTE = "* * * * *"


@flow(name="doctor", persist_result=False)
def create_a_run() -> str:
    return str(flow_run.get_id())


def probe() -> bool:
    """Whether a flow run was created, ended well, and is known to the server by its id."""
    run_id = create_a_run()
    with get_client(sync_client=True) as client:
        state = client.read_flow_run(UUID(run_id)).state
    return state is not None and state.is_completed()


@contextmanager
def client_of(url: str) -> Iterator[SyncPrefectClient]:
    """A client of the server with this API address."""
    with temporary_settings({PREFECT_API_URL: url}), get_client(sync_client=True) as client:
        yield client


def serves(client: SyncPrefectClient, flow_name: str) -> bool:
    """Whether a server has a deployment of a flow."""
    return bool(client.read_deployments(flow_filter=FlowFilter(name=FlowFilterName(any_=[flow_name])), limit=1))


def scheduled_run(url: str, seconds: float) -> datetime | None:
    """Make a deployment with a cron of every minute; return when its first run is due that the scheduler made itself.

    The deployment is deleted with its runs, of which none can start: it names no pool and nobody serves it. None: no
    such run appeared in this many seconds.
    """
    with client_of(url) as client:
        every_minute = DeploymentScheduleCreate(schedule=CronSchedule(cron=EVERY_MINUTE, timezone="UTC"), active=True)
        deployment = client.create_deployment(
            client.create_flow_from_name("doctor"), f"doctor-{uuid4().hex[:8]}", schedules=[every_minute],
            enforce_parameter_schema=False)
        try:
            return _due(client, deployment, seconds)
        finally:
            client.delete_deployment(deployment)


def _due(client: SyncPrefectClient, deployment: UUID, seconds: float) -> datetime | None:
    of_it, deadline = DeploymentFilter(id=DeploymentFilterId(any_=[deployment])), time.monotonic() + seconds
    while time.monotonic() < deadline:
        for run in client.read_flow_runs(deployment_filter=of_it, sort=FlowRunSort.EXPECTED_START_TIME_ASC):
            by_scheduler = run.auto_scheduled and run.created_by is not None and run.created_by.type == "SCHEDULE"
            if by_scheduler and run.expected_start_time is not None:
                return run.expected_start_time
        time.sleep(0.3)
    return None
