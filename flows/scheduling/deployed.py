"""What a run does when a deployment of the Prefect server started it: its slot, what it covers, what follows it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.concurrency.sync import concurrency
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled

from tasks.contracts.errors import Misused

LIMIT = "hallmark-gpu"  # global concurrency limit with one slot: one retraining at a time on all that a server knows


@dataclass(frozen=True)
class Here:
    """The run that goes on in this process."""

    run: UUID
    deployment: UUID
    name: str  # of the deployment, without its flow's


def here() -> Here | None:
    """The deployed run of this process; None where the flow was started by hand."""
    from prefect.runtime import deployment, flow_run

    if not deployment.id:
        return None
    return Here(UUID(str(flow_run.id)), UUID(str(deployment.id)), str(deployment.name))


@contextmanager
def limited() -> Iterator[None]:
    """Hold the one slot of the server's limit, waiting for it.

    A slot that is lost on the way ends nothing: the locks of the operating system hold all the same.

    Raises:
        Misused: there is no such limit; nothing would keep runs of other machines apart.
    """
    with get_client(sync_client=True) as client:
        try:
            limit = client.read_global_concurrency_limit_by_name(LIMIT)
        except ObjectNotFound:
            raise Misused(
                f"Prefect has no limit {LIMIT}, so nothing keeps retrainings apart", wanted="one slot", found="none",
                next_step=f"Start `hallmark schedule` again, or `prefect gcl create {LIMIT} --limit 1`.") from None
    if not limit.active:
        print(f"Prefect's limit {LIMIT} is inactive; the locks of the operating system hold alone", flush=True)
    with concurrency(LIMIT, strict=True, raise_on_lease_renewal_failure=False):
        yield


def cover(run: Here) -> list[FlowRun]:
    """Cancel what was due before this run began: it does what they would do. What comes later stays queued."""
    with get_client(sync_client=True) as client:
        return cancel_due(client, run.deployment, keep=run.run)


def cancel_due(client: SyncPrefectClient, deployment: UUID, keep: UUID) -> list[FlowRun]:
    """Cancel a deployment's runs that should have begun by now, but for the one that covers them."""
    cancelled = [run for run in due(client, deployment) if run.id != keep]
    for run in cancelled:
        client.set_flow_run_state(run.id, Cancelled(
            message=f"Covered by run {keep}, which began later than this one was due."), force=True)
    return cancelled


def due(client: SyncPrefectClient, deployment: UUID) -> list[FlowRun]:
    """A deployment's runs that should have begun by now and have not, oldest first."""
    now = FlowRunFilterExpectedStartTime.model_validate({"before_": datetime.now(UTC)})
    found = runs_in(client, [deployment], StateType.SCHEDULED, expected=now)
    return sorted(found, key=lambda run: run.expected_start_time or run.created or datetime.now(UTC))


def runs_in(
    client: SyncPrefectClient, deployments: list[UUID], *states: StateType,
    expected: FlowRunFilterExpectedStartTime | None = None,
) -> list[FlowRun]:
    """The runs of deployments that are in one of these states; 200 at most, as a server returns no more at once."""
    of_state = FlowRunFilterState(type=FlowRunFilterStateType(any_=[*states]))
    return client.read_flow_runs(limit=200, flow_run_filter=FlowRunFilter(
        deployment_id=FlowRunFilterDeploymentId(any_=deployments), state=of_state, expected_start_time=expected))


def follow_up(said: dict[str, Any]) -> None:
    """Where a deployed retraining waits for approval: start the deployed promotion, which shows that and waits."""
    run = here()
    if run is None or said["outcome"] != "waiting for approval":
        return
    from prefect.deployments import run_deployment

    name, version = f"promote/{run.name}", int(said["candidate"]["version"])
    try:
        run_deployment(name, parameters={"version": version}, timeout=0, as_subflow=False)
    except ObjectNotFound:
        print(f"there is no deployment {name}; `hallmark promote {version}` promotes it", flush=True)
