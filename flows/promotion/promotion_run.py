"""The deployed promotion: it waits in Prefect's page without holding anything, and promotes what people signed.

What counts are the signatures in the ledger, as `hallmark promote` counts them; nothing that is typed into a form of
Prefect's does.
"""

from pathlib import Path
from uuid import uuid4

from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.flow_runs import resume_flow_run, suspend_flow_run

from flows.desk import Desk, open_desk, smoke_test
from flows.promotion import history
from flows.promotion.approval import close_expired, counted, refuse_settled, wanted
from flows.promotion.by_hand import promote_version
from flows.scheduling import deployed
from flows.telling import notify


@flow(name="promote", flow_run_name="promote version {version}", persist_result=False)
def promote(version: int) -> str:
    """Promote a version as soon as enough people have signed; started too early, be suspended until its wait is over.

    Returns:
        What came of it, in a sentence.

    Raises:
        PromotionRefused: it was rejected, its time is over, or another champion stands than the one it was compared
            with.
    """
    notify.receiver()
    desk = open_desk(Path.cwd(), "promote")
    standing = history.champion(desk.ledger.entries(), desk.name)
    if standing and standing.version == version:
        return f"{desk.name} version {version} is the champion"
    suspend_until_signed(desk, version)
    promoted, before = promote_version(desk, version, smoke_test(desk))
    said = f"promoted: {promoted} is the champion; before it: {before or 'nobody'}"
    print(said, flush=True)
    end_waiting(version)
    return said


def suspend_until_signed(desk: Desk, version: int) -> None:
    """Return where enough signatures count; else end this process and be run again when somebody resumes the run.

    What can never be promoted by waiting longer is left to the promotion to refuse.
    """
    now = desk.clock()
    close_expired(desk, now)
    case = desk.case(version)
    refuse_settled(desk, case)
    (names, faults), needed = counted(desk, case, "approve"), wanted(desk, "approve")
    if len(names) >= needed or case.expired or case.asked_until is None or not deployed.here():
        return
    print(f"{case} waits: {len(names)} of {needed} signature(s) count" + "".join(f"; {one}" for one in faults)
          + f". `hallmark approve {version} --key FILE --reason TEXT` adds one", flush=True)
    left = max(1, int((case.asked_until - now).total_seconds()))
    suspend_flow_run(timeout=left, key=str(uuid4()))  # with the same key a second suspension would be passed over


def end_waiting(version: int) -> None:
    """Resume the other runs that wait to promote this version: they find that it is champion, and complete."""
    run = deployed.here()
    if run is None:
        return
    with get_client(sync_client=True) as client:
        waiting = deployed.runs_in(client, [run.deployment], StateType.PAUSED)
    for one in waiting:
        if one.parameters.get("version") == version:
            resume_flow_run(one.id)
