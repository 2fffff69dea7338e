"""build/reports/index.html: one run in one file, to be read without this installation, without a network, in a year.

Everything is inside: style, curves, texts. Nothing is loaded from anywhere, and there is no script. All text is
escaped, since prompts and answers come from outside.
"""

from datetime import UTC, datetime
from pathlib import Path

from flows.report import curves, rows
from flows.report.inputs import Run, mappings, number, read_files, texts
from tasks.contracts import places
from tasks.stage.files import write_whole
from tasks.stage.views import duration

NOT_RECORDED = "not recorded"
TEMPLATE = Path(__file__).with_name("page.html.jinja")
HEADLINES = {  # outcome -> what it means
    "promoted": "The new policy passed every gate and is the champion.",
    "refused": "The new policy did not pass the gates; the champion stays.",
    "no change": "Nothing that a model depends on has changed; nothing was trained.",
    "waiting for approval": "The new policy passed the gates and waits for approvals.",
    "crashed": "The run broke off; the champion stays.",
}


def write_report(root: Path, run: Run) -> Path:
    """Write the report of a run and return its path.

    Args:
        root: the workspace; the stages' outputs are read below its build/.
        run: what the flow knows. Whatever is missing there or on the disk is shown as "not recorded".
    """
    return write_whole(root / places.REPORT, render(root, run))


def render(root: Path, run: Run) -> str:
    """The page as text; the same inputs give the same text."""
    from jinja2 import Environment, StrictUndefined

    files = read_files(root)
    findings = [rows.finding(one) for one in mappings((run.get("decision") or {}).get("findings"))]
    page = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    page.filters |= {"duration": in_words, "moment": moment}
    return page.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        run=dict.fromkeys(Run.__annotations__) | dict(run),
        headline=HEADLINES.get(run.get("outcome", ""), ""),
        not_recorded=NOT_RECORDED,
        key_numbers=rows.key_numbers(files.evidence),
        findings=findings,
        policy_charts=curves.pictures(curves.of_policy(files, findings)),
        health_charts=curves.pictures(curves.of_optimisation(files.policy)),
        loss_charts=curves.pictures(curves.of_losses(files.losses)),
        stages=rows.stages(run),
        sources=rows.sources(files.data),
        expectations=rows.expectations(files.data),
        data_errors=texts(files.data.get("errors")),
        data_docs=data_docs(root),
        shift_warnings=texts((run.get("data_shift") or {}).get("warnings")),
        shift_charts=curves.pictures(curves.of_shift(run.get("data_shift"))),
        samples=rows.samples(files.samples),
        where=where(root, run))


def in_words(seconds: object) -> str:
    """A duration as people say it."""
    return NOT_RECORDED if (found := number(seconds)) is None else duration(found)


def moment(started: object) -> str:
    """A moment in ISO 8601 as people read it: `2026-11-21 03:00:04 UTC`; anything else as it stands."""
    try:
        return f"{datetime.fromisoformat(str(started)).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    except ValueError:
        return str(started or NOT_RECORDED)


def data_docs(root: Path) -> str:
    """The way from the report to the Data Docs, or nothing where there are none."""
    pages = sorted((root / places.DATA_DOCS).rglob("index.html"), key=lambda path: len(path.parts))
    return Path("..", pages[0].relative_to(root / places.BUILD)).as_posix() if pages else ""


def where(root: Path, run: Run) -> dict[str, str]:
    """Label -> path or command, for those who look further."""
    lies = {
        "Policy": places.POLICY, "Reward model": places.REWARD, "Evidence": places.EVIDENCE / "evidence.json",
        "Data report": places.CHECKED / "report.json", "Data Docs": places.DATA_DOCS,
        "Numbers of the stages": places.METRICS}
    found = {name: path.as_posix() for name, path in lies.items() if (root / path).exists()}
    return found | dict(run.get("places") or {})
