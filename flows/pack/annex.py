"""A table after Annex IV of Regulation (EU) 2024/1689: for each point what the record says, and which entries say so.

It is filled from the record alone. What nobody recorded says `not recorded`, and then names no entry.
"""

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flows.lineage.versions import NOT_RECORDED
from flows.pack import annex_answers as say
from flows.pack.subject import Subject

COLUMNS = ("point", "asked", "answer", "ledger entries", "file")
TEMPLATE = Path(__file__).with_name("annex.html.jinja")


@dataclass(frozen=True)
class Row:
    """One cell of the table. `entries`: indices in the ledger, none where nothing was recorded."""

    point: str
    asked: str  # in our own words; the regulation has the wording that counts
    answer: str
    entries: tuple[int, ...]
    file: str  # in the pack; empty where none says more


POINTS: tuple[tuple[str, str, Callable[[Subject], say.Answer]], ...] = (
    ("1(a)", "name and version", say.version),
    ("1(a)", "what it is meant for", say.nothing),
    ("1(a)", "who provides it", say.nothing),
    ("1(a)", "relation to earlier versions", say.earlier),
    ("1(b)", "what other hardware and software it works with", say.nothing),
    ("1(c)", "versions of software", say.software),
    ("1(d)", "in which forms it is put on the market or into service", say.nothing),
    ("1(e)", "hardware that it is meant to run on", say.nothing),
    ("1(f)", "pictures of the products that it is part of", say.nothing),
    ("1(g)", "its user interface", say.nothing),
    ("1(h)", "instructions for who deploys it", say.nothing),
    ("2(a)", "steps by which it was developed", say.steps),
    ("2(a)", "parts from elsewhere that were built on", say.base),
    ("2(b)", "general logic, and what it was optimised for", say.logic),
    ("2(b)", "reasons for the design, and trade-offs", say.nothing),
    ("2(c)", "how its parts build on one another", say.parts),
    ("2(c)", "computing that was used", say.computing),
    ("2(d)", "data sets: where from, how many, main properties", say.data),
    ("2(d)", "how data were obtained, licence and consent", say.consent),
    ("2(d)", "labelling", say.labelling),
    ("2(d)", "cleaning", say.cleaning),
    ("2(e)", "human oversight", say.oversight),
    ("2(e)", "means to interpret what it says", say.nothing),
    ("2(f)", "changes determined in advance, and what keeps them in bounds", say.retraining),
    ("2(g)", "data for validation and tests", say.test_data),
    ("2(g)", "metrics of accuracy, and results", say.results),
    ("2(g)", "differences between groups", say.groups),
    ("2(g)", "test reports, dated and signed", say.reports),
    ("2(h)", "cybersecurity", say.security),
    ("3", "capabilities, limits and expected accuracy", say.results),
    ("3", "accuracy for groups of people", say.groups),
    ("3", "unintended outcomes and sources of risk", say.nothing),
    ("3", "human oversight in use", say.nothing),
    ("3", "what it takes as input", say.inputs),
    ("4", "why these metrics fit", say.reasons),
    ("5", "risk management", say.nothing),
    ("6", "changes in its life", say.life),
    ("7", "harmonised standards", say.nothing),
    ("8", "declaration of conformity", say.nothing),
    ("9", "evaluation after it was put on the market", say.nothing),
)


def rows(subject: Subject) -> list[Row]:
    """The table, in the order of the annex."""
    return [Row(point, asked, *_answered(answer(subject))) for point, asked, answer in POINTS]


def _answered(answer: say.Answer) -> tuple[str, tuple[int, ...], str]:
    if not answer.text or not answer.entries:
        return NOT_RECORDED, (), ""
    return answer.text, answer.entries, answer.file


def as_csv(table: list[Row]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((one.point, one.asked, one.answer, " ".join(map(str, one.entries)), one.file) for one in table)
    return text.getvalue().encode()


def as_html(subject: Subject, table: list[Row]) -> bytes:
    """A page without script or network."""
    from jinja2 import Environment, StrictUndefined

    template = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return template.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        title=str(subject.one), digest=subject.one.digest, rows=table, not_recorded=NOT_RECORDED,
        filled=sum(one.answer != NOT_RECORDED for one in table)).encode()
