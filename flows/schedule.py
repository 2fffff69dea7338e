"""The deployments: when a retraining starts by itself, and what promotes a version that people signed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from prefect import Flow
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.client.schemas.schedules import CronSchedule
from prefect.deployments.runner import EntrypointType, RunnerDeployment
from prefect.events import DeploymentEventTrigger
from pydantic import ValidationError

from flows.promotion.promotion_run import promote
from flows.retrain import retrain
from flows.scheduling.served import APPROVAL_GIVEN, DATA_CHANGED, resource
from tasks.contracts.errors import Misused

ONE_AT_A_TIME = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.ENQUEUE)


@dataclass(frozen=True)
class Plan:
    """What starts a retraining by itself."""

    cron: str | None
    timezone: str
    on_data_change: bool
    timeout_hours: float

    def schedule(self) -> CronSchedule | None:
        """Raises Misused for what is no cron or no time zone."""
        if self.cron is None:
            return None
        try:
            return CronSchedule(cron=self.cron, timezone=self.timezone)
        except ValidationError as error:
            raise Misused(
                "is no time to retrain at", where="--cron, --timezone", wanted='e.g. "0 3 * * *" and Europe/Berlin',
                found=error.errors()[0]["msg"].removeprefix("Value error, ")) from None


def deployments(name: str, plan: Plan) -> list[RunnerDeployment]:
    """One deployment a flow, both called by the name of the workspace."""
    on_data = trigger(DATA_CHANGED, name, None)
    template = {"__prefect_kind": "jinja", "template": "{{ event.payload.version }}"}
    version = {"__prefect_kind": "json", "value": template}  # a number again; a template alone makes text of it
    schedule = plan.schedule()
    return [
        deployment(retrain, name, {"timeout_hours": plan.timeout_hours}, [schedule] if schedule else [],
                   [on_data] if plan.on_data_change else []),
        deployment(promote, name, {}, [], [trigger(APPROVAL_GIVEN, name, {"version": version})])]


def deployment(
    flow: Flow[..., Any], name: str, parameters: dict[str, Any], schedules: list[CronSchedule],
    triggers: list[DeploymentEventTrigger],
) -> RunnerDeployment:
    """A flow that is imported by its module, so that it is found in whatever folder the run stands."""
    return RunnerDeployment.from_flow(
        flow, name, schedules=schedules, parameters=parameters, triggers=[*triggers], concurrency_limit=ONE_AT_A_TIME,
        entrypoint_type=EntrypointType.MODULE_PATH)


def trigger(event: str, name: str, parameters: dict[str, Any] | None) -> DeploymentEventTrigger:
    """Start a run at each such event about this workspace."""
    return DeploymentEventTrigger(
        name=f"{event} {name}", expect={event}, parameters=parameters,
        match={"prefect.resource.id": resource(event, name)["prefect.resource.id"]})


async def next_times(plan: Plan, number: int) -> list[datetime]:
    """The next times of a plan's cron, in its own time zone; empty where it has none."""
    if plan.cron is None:
        return []
    from prefect.server.schemas.schedules import CronSchedule as Times  # as the server reckons them

    return list(await Times(cron=plan.cron, timezone=plan.timezone).get_dates(number))
