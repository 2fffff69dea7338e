"""Stage: raw files -> checked rows and a report, or refuse."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from tasks.contracts.config import Params
from tasks.contracts.errors import DataRefused
from tasks.contracts.places import CHECKED, DATA_DOCS
from tasks.contracts.reporting import Sink
from tasks.data.checked import KINDS, SCRATCH, CheckedSource, check_sources, refusals, totals
from tasks.data.checks.policies import Policies
from tasks.data.origins import ORIGINS
from tasks.data.reading.in_order import Processes
from tasks.data.suites.expectations import Expected, expect
from tasks.data.suites.measures import measure
from tasks.data.whole_folder import whole_folder

REPORT = "report.json"


def check_data(params: Params, sink: Sink) -> Mapping[str, float]:
    """Write build/checked and build/data_docs, and return the counts. A refusal leaves the report and no rows.

    Raises:
        DataRefused: a source is refused, a prompt is both trained on and held out, or an expectation does not hold.
    """
    shutil.rmtree(DATA_DOCS, ignore_errors=True)  # those of other rows must not stand beside this report
    with whole_folder(CHECKED) as folder:
        sources = check_sources(params.data, folder, sink, Processes(params.threads))
        errors, warned = refusals(sources, params.data)
        sink.note("stating what the accepted rows must look like")
        expected = [] if errors else run_expectations(folder, params)
        shutil.rmtree(folder / SCRATCH)
        errors += [outcome.sentence() for outcome in expected if not outcome.passed]
        write_report(folder / REPORT, sources, expected, errors, warned)
        if errors:
            remove_rows(folder)
    if errors:
        raise refusal(errors)
    say_warnings(sources, warned, sink)
    return totals(sources)


def run_expectations(folder: Path, params: Params) -> list[Expected]:
    """Read the written rows back and hold them against the expectations; write Data Docs."""
    checked = {kind: folder / f"{kind}.jsonl" for kind in KINDS if (folder / f"{kind}.jsonl").exists()}
    database = folder / SCRATCH / "measures.db"
    with Processes(params.threads) as processes:
        tables = measure(checked, database, processes, Policies.of(params.data))
    return expect(tables, database, params.data, DATA_DOCS)


def write_report(
        path: Path, sources: Sequence[CheckedSource], expected: Sequence[Expected], errors: Sequence[str],
        warned: Sequence[str]) -> None:
    """What was read, refused and why, noticed and expected: line numbers and counts, no text of rows."""
    report = {"verdict": "refuse" if errors else "accept", "errors": list(errors), "leaks": list(warned),
              **totals(sources),
              "sources": [source.report() for source in sources],
              "expectations": [asdict(outcome) for outcome in expected]}
    path.write_text(json.dumps(report, indent=1, sort_keys=True) + "\n", encoding="ascii")


def remove_rows(folder: Path) -> None:
    """Nothing may train on what was refused."""
    (folder / ORIGINS).unlink()
    for kind in KINDS:
        (folder / f"{kind}.jsonl").unlink(missing_ok=True)


def refusal(errors: Sequence[str]) -> DataRefused:
    """The first reason, and where the others are."""
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return DataRefused(f"{errors[0]}{more}", next_step=f"All of it is in {CHECKED / REPORT}.")


def say_warnings(sources: Sequence[CheckedSource], warned: Sequence[str], sink: Sink) -> None:
    """What a person should look at, though it trains."""
    for warning in warned:
        sink.note(warning)
    for source in sources:
        for warning in source.verdict.warnings:
            sink.note(f"{source.name}: {warning}")


if __name__ == "__main__":
    from tasks import stage

    stage.main(check_data)
