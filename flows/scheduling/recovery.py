"""What a schedule puts in order when it starts: killed runs are closed, slots given back, missed times run once.

Promotions that wait for people look again whether enough have signed.
"""

from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate, GlobalConcurrencyLimitUpdate
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.exceptions import ObjectNotFound
from prefect.states import Crashed

from flows import workspace
from flows.desk import Desk
from flows.promotion import consent
from flows.run import close_crashed
from flows.running.groups import Groups
from flows.scheduling.deployed import LIMIT, cancel_due, due, runs_in
from flows.telling import notify
from tasks.contracts.errors import WorkspaceBusy


def close_killed(desk: Desk, groups: Groups) -> list[str]:
    """End what killed runs left at work and close them in the ledger; the ids of those that were closed.

    Where a run by hand is at work, it has done so itself when it began.
    """
    try:
        with workspace.hold(desk.home):
            closed = close_crashed(desk, groups)
            notify.tell(desk)
    except WorkspaceBusy:
        return []
    return closed


def put_in_order(desk: Desk, retraining: UUID, promotion: UUID, *, sole_user: bool) -> list[str]:
    """See to the limit and to what the server believes of earlier runs; what was done, a line each.

    Call it before the deployments are served, with nobody else serving them.

    Args:
        sole_user: nobody else uses the server, so that a slot which is taken was left behind.
    """
    with get_client(sync_client=True) as client:
        make_limit(client, sole_user=sole_user)
        zombies = close_zombies(client, [retraining, promotion])
        covered = run_missed_once(client, retraining)
        look_for_signatures(client, promotion, waiting_versions(desk))
    said = [f"{len(zombies)} run(s) that were killed are closed"] if zombies else []
    return said + ([f"{len(covered) + 1} missed times are run once"] if covered else [])


def waiting_versions(desk: Desk) -> list[int]:
    """The versions that wait for approval, as the ledger says."""
    cases = consent.waiting(desk.ledger.entries(), desk.name, desk.clock())
    return [case.version for case in cases if case.asked_until is not None]


def look_for_signatures(client: SyncPrefectClient, promotion: UUID, versions: list[int]) -> None:
    """Have each promotion that waits look again, as people may have signed; a version without a run gets one."""
    live = runs_in(client, [promotion], StateType.PAUSED, StateType.SCHEDULED)
    for run in live:
        if run.state_type == StateType.PAUSED:
            client.resume_flow_run(run.id)
    for version in set(versions) - {run.parameters.get("version") for run in live}:
        client.create_flow_run_from_deployment(promotion, parameters={"version": version})


def make_limit(client: SyncPrefectClient, *, sole_user: bool) -> None:
    """See that the limit is there and active, with one slot.

    Args:
        sole_user: nobody else uses this server and none of our runs is at work, so that a slot which is taken was left
            behind by a run that was killed.
    """
    try:
        client.read_global_concurrency_limit_by_name(LIMIT)
    except ObjectNotFound:
        client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=LIMIT, limit=1))
        return
    wanted = GlobalConcurrencyLimitUpdate(limit=1, active=True)
    if sole_user:
        wanted = GlobalConcurrencyLimitUpdate(limit=1, active=True, active_slots=0)
    client.update_global_concurrency_limit(LIMIT, wanted)


def close_zombies(client: SyncPrefectClient, ids: list[UUID]) -> list[FlowRun]:
    """Close the deployments' runs that stand as at work; call it where none can be: they would keep their slots."""
    zombies = runs_in(client, ids, StateType.RUNNING, StateType.PENDING, StateType.CANCELLING)
    killed: State[None] = Crashed(message="It was killed; found when the schedule started.")
    for run in zombies:
        client.set_flow_run_state(run.id, killed, force=True)
    return zombies


def run_missed_once(client: SyncPrefectClient, retraining: UUID) -> list[FlowRun]:
    """Of the retrainings that were missed keep the last one, which covers the others; return those that it covers."""
    missed = due(client, retraining)
    return cancel_due(client, retraining, keep=missed[-1].id) if missed else []
