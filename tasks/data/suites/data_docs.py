"""The pages of Great Expectations without what changes at every run, so that the same rows give the same bytes.

They come with the time of day in names, texts and the address of a picture that the reader's browser fetches from
Great Expectations, and with random ids. When rows were checked is in the ledger and in MLflow.
"""

import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from great_expectations.core.run_identifier import RunIdentifier

RUN_NAME = "checked"
NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)  # Great Expectations wants one: it names files by it
SHOWN_TIME = "1970-01-01T00:00:00Z"
TIME = re.compile(r"\b(?!1970)\d{8}T\d{6}\.\d{6}Z")
LOGO = re.compile(r"https://great-expectations-web-assets\.[\w.-]+/logo-long\.png\?d=[\w.]+")
RANDOM_ID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\b")


def run_without_time() -> "RunIdentifier":
    """The name under which a checkpoint runs: the same at every run."""
    from great_expectations.core.run_identifier import RunIdentifier

    return RunIdentifier(run_name=RUN_NAME, run_time=NO_TIME)


def take_out_times(docs: Path) -> None:
    """Rewrite the pages below a folder: no time, ids in the order in which they stand, the logo from beside them."""
    for page in sorted(docs.rglob("*.html")):
        logo = os.path.relpath(docs / "static/images/logo-long.png", page.parent)
        page.write_text(without_times(page.read_text(encoding="utf-8"), logo), encoding="utf-8")


def without_times(html: str, logo: str) -> str:
    """One page: the same for the same content, whenever it was made. `logo`: where its picture lies."""
    numbered: dict[str, str] = {}
    html = TIME.sub("not kept", LOGO.sub(logo, html)).replace(SHOWN_TIME, "time not kept")
    return RANDOM_ID.sub(lambda found: numbered.setdefault(found[0], f"id-{len(numbered) + 1}"), html)
