"""hallmark doctor: prove that this installation works."""

from dataclasses import asdict

import typer

from flows import embedded
from flows.cli import place, tables
from tasks.contracts.places import home


def command(json: place.Json = False) -> None:
    """Check that this installation works.

    Each check does what it asks about, e.g. has Prefect's scheduler make a run from a cron time, so all of them take
    about half a minute; exit code 1 where one fails. HALLMARK_WEBHOOK, where it is set, is sent a test message.
    """
    root = place.enter()
    embedded.settle(home())
    from flows.doctor import examine

    findings = examine(root)
    ok = all(finding.ok for finding in findings)
    if json:
        place.show_json({"ok": ok, "checks": [asdict(finding) for finding in findings]})
    else:
        tables.show_checks(findings)
    raise typer.Exit(0 if ok else 1)
