"""What a `hallmark schedule` at work has written down of itself, and what it is told: events at its Prefect server.

<home>/schedule/name         what its deployments and events are called; made once, so that a restart finds its own
<home>/schedule/server.json  where its Prefect server answers, while it is at work
"""

import asyncio
import json
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from tasks.contracts.errors import ServiceUnreachable
from tasks.stage.files import write_whole

DATA_CHANGED = "hallmark.data-changed"
APPROVAL_GIVEN = "hallmark.approval-given"
ANSWER_SECONDS = 2.0


def folder(home: Path) -> Path:
    return home / "schedule"


def name_of(root: Path, home: Path) -> str:
    """What this workspace is called at a Prefect server that others use too."""
    path = folder(home) / "name"
    if not path.exists():
        write_whole(path, f"{root.absolute().name}-{uuid.uuid4().hex[:8]}\n")
    return path.read_text(encoding="utf-8").strip()


@contextmanager
def announced(home: Path, url: str) -> Iterator[None]:
    """Let other commands of this workspace know the server's API while it serves us."""
    path = folder(home) / "server.json"
    write_whole(path, json.dumps({"url": url, "pid": os.getpid()}) + "\n")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def server(home: Path) -> str | None:
    """The API of the server to tell: PREFECT_API_URL, or that of the schedule at work here; None where none answers."""
    if os.environ.get("PREFECT_API_URL"):
        return os.environ["PREFECT_API_URL"]
    try:
        url = str(json.loads((folder(home) / "server.json").read_text(encoding="utf-8"))["url"])
        with urlopen(f"{url}/health", timeout=ANSWER_SECONDS):  # noqa: S310 - written by ourselves
            return url
    except (FileNotFoundError, URLError, OSError):  # nobody serves, or it was killed and left its note
        return None


def tell(url: str, event: str, about: str, payload: Mapping[str, Any]) -> None:
    """Tell a server that something happened; returns when it has heard.

    Args:
        event: DATA_CHANGED or APPROVAL_GIVEN.
        about: name_of the workspace.
        payload: digests and numbers; a server keeps events for days, and shows them to whoever reads its page.

    Raises:
        ServiceUnreachable: it did not hear.
    """
    from prefect.events import Event
    from prefect.events.clients import get_events_client
    from prefect.settings import PREFECT_API_URL, temporary_settings

    async def emit() -> None:
        async with get_events_client(reconnection_attempts=0, checkpoint_every=1) as client:
            await client.emit(Event(event=event, resource=resource(event, about), payload=dict(payload)))

    try:
        with temporary_settings({PREFECT_API_URL: url}):
            asyncio.run(asyncio.wait_for(emit(), timeout=10))
    except Exception as error:  # whatever the client raises, it was not heard
        raise ServiceUnreachable(f"Prefect did not hear of {event}", where=url, found=str(error)[:200]) from error


def resource(event: str, about: str) -> dict[str, str]:
    """What an event is about; triggers match it."""
    kind = {DATA_CHANGED: "data", APPROVAL_GIVEN: "approvals"}[event]
    return {"prefect.resource.id": f"hallmark.{kind}.{about}", "prefect.resource.name": f"{kind} of {about}"}
