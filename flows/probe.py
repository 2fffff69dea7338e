"""A flow that does nothing, to see that Prefect really creates runs here."""

from uuid import UUID

from prefect import flow
from prefect.client.orchestration import get_client
from prefect.runtime import flow_run


@flow(name="doctor", persist_result=False)
def create_a_run() -> str:
    return str(flow_run.get_id())


def probe() -> bool:
    """Whether a flow run was created, ended well, and is known to the server by its id."""
    run_id = create_a_run()
    with get_client(sync_client=True) as client:
        state = client.read_flow_run(UUID(run_id)).state
    return state is not None and state.is_completed()
