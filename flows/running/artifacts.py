"""What Prefect's pages show of a run: the gate's table, and where MLflow's page and the report are.

For people only: nothing reads these, and where Prefect does not take one the run goes on without it.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact

log = logging.getLogger("hallmark.artifacts")


@contextmanager
def decoration(what: str, said: set[str] | None = None) -> Iterator[None]:
    """Whatever fails inside is a line in the log; only the first time, where the caller keeps what was `said`."""
    try:
        yield
    except Exception as fault:  # noqa: BLE001 - a run must not break off on what only decorates it
        if said is None or what not in said:
            log.warning("Prefect shows no %s: %s: %s", what, type(fault).__name__, " ".join(str(fault).split())[:200])
        if said is not None:
            said.add(what)


def show_decision(decision: Mapping[str, Any]) -> None:
    """The gate's findings as a table; `decision`: tasks.contracts.evidence.Decision as JSON."""
    with decoration("table of the gate"):
        verdict = decision["verdict"]
        create_table_artifact(
            key="gate", table=[row(one) for one in decision["findings"]],
            description=f"The gate says **{verdict}** about `{decision['candidate'][:12]}`.")


def row(finding: Mapping[str, Any]) -> dict[str, Any]:
    """One finding as a row of the table."""
    return {
        "rule": finding["metric"], "wanted": finding["wanted"],
        **{name: in_words(finding[name]) for name in ("found", "low", "high", "samples")},
        "verdict": "passed" if finding["passed"] else "FAILED", "reason": finding["reason"]}


def in_words(number: float | None) -> str:
    """Four digits, `nan` and `inf` too, which JSON has not."""
    return "" if number is None else f"{number:.4g}" if isinstance(number, float) else str(number)


def show_places(mlflow_run: str | None, report: Path) -> None:
    """Where this run's MLflow page and its report are."""
    with decoration("link to the MLflow run"):
        if mlflow_run:
            _show_mlflow_run(mlflow_run)
    with decoration("link to the report"):
        create_link_artifact(key="report", link=report.resolve().as_uri(), link_text=report.name,
                             description="The report, a file on the machine that ran this.")


def _show_mlflow_run(run_id: str) -> None:
    from tasks.records.mlflow_store import experiment_id, tracking_uri

    page = f"#/experiments/{experiment_id()}/runs/{run_id}"
    address = urlsplit(tracking_uri())
    if address.scheme in ("http", "https"):
        host = address.netloc.rpartition("@")[2]  # a name and a password are not for everybody to see
        create_link_artifact(key="mlflow-run", link=f"{address.scheme}://{host}{address.path.rstrip('/')}/{page}",
                             link_text="MLflow run", description="Numbers, settings and models of this run.")
        return
    create_markdown_artifact(
        key="mlflow-run", description="Numbers, settings and models of this run.",
        markdown=f"`hallmark up` serves MLflow; the run is then `/{page}` below the address that it prints.")
