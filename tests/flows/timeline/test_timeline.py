"""The page that tells a ledger to people: on the audited world, on an empty ledger, on a broken one, on a thousand."""

import json
import re
import shutil
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from flows.cli import main as cli
from flows.lineage.reigns import reigns
from flows.lineage.versions import Told
from flows.timeline.axis import BREAK, Axis, silences
from flows.timeline.events import events
from flows.timeline.page import page
from flows.timeline.picture import BUCKET, LEFT, RIGHT, draw
from flows.timeline.writing import asked_for
from tasks.records.sqlite_table import SqlitePlace
from tasks.records.verification import Broken, Verification
from tests.flows.audit_world import World
from tests.records import worlds

NOW = datetime(2026, 1, 31, tzinfo=UTC)
WHOLE = Verification(True, 3)


class Seen(HTMLParser):
    """Ids, links and open tags of a page."""

    VOID = ("meta", "path", "rect", "line")

    def __init__(self, text: str):
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value for name, value in attrs if value}
        self.tags.append(tag)
        self.ids += [said["id"]] if "id" in said else []
        self.links += [said["href"]] if "href" in said else []
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def report(world: World, capsys, code: int = 0) -> tuple[dict, Path]:
    capsys.readouterr()
    assert cli.run(["audit", "report", "--out", "told", "--json"]) == code, capsys.readouterr()
    return json.loads(capsys.readouterr().out), world.root / "told"


def entry(index: int, kind: str, moment: datetime = NOW, **payload: object) -> Told:
    return Told(index, moment.isoformat(), kind, "anna", f"{index:064x}", {"run": f"r{index}", **payload})


def test_the_page_tells_what_happened_and_leads_to_every_tree(audited: World, capsys) -> None:
    said, folder = report(audited, capsys)
    text = (folder / "index.html").read_text()
    assert (said["ok"], said["versions"], said["trees"]) == (True, 6, [1, 2, 3, 4, 5, 6])
    seen = Seen(text)
    assert seen.open == []
    for link in seen.links:
        assert link[1:] in seen.ids if link.startswith("#") else (folder / link).is_file()
    for words in ("The ledger is whole", "swears at customers", "the demo is tomorrow (ben, cora)", "key changed",
                  "15 of 30 rows are refused", "waits for approval", "champion since 2026-01-12"):
        assert words in text
    assert 'href="index.html"' in (folder / "version-4.html").read_text()


def test_the_page_is_whole_in_itself_and_can_be_read_without_seeing_it(audited: World, capsys) -> None:
    _, folder = report(audited, capsys)
    text = (folder / "index.html").read_text()
    assert re.findall(r"<script|<link|<img|src=|url\(|https?://", text) == []
    seen = Seen(text)
    assert [tag for tag in seen.tags if tag in ("h1", "h2")] == ["h1", *["h2"] * 4]
    assert len(seen.ids) == len(set(seen.ids))
    label = re.search(r'<svg role="img" aria-label="([^"]+)"', text)
    assert label
    assert "7 runs, 3 refusals, 5 signatures, 3 promotions, 1 overrides, 1 rollbacks" in label[1]
    assert "champions 1, 2, 4, 2, 5" in label[1]


def test_a_ledger_without_an_entry_has_a_page_that_says_so(audited: World, capsys) -> None:
    shutil.rmtree(audited.home)
    said, folder = report(audited, capsys)
    assert (said["ok"], said["versions"]) == (True, 0)
    assert "The ledger has no entry yet" in (folder / "index.html").read_text()


def test_a_broken_ledger_is_told_up_to_the_break_and_without_a_tree(audited: World, capsys) -> None:
    world = worlds.World(audited.ledger, SqlitePlace(audited.ledger.path))
    world.tamper("UPDATE ledger SET payload = replace(payload, 'swears at customers', 'as planned')")
    said, folder = report(audited, capsys, code=1)
    text = (folder / "index.html").read_text()
    assert f"The ledger is BROKEN at entry {said['broken']['index']}." in text
    assert said["trees"] == []
    assert "as planned" not in text
    assert "overridden" in text  # it came before
    assert "polite again" not in text  # it came after


def test_an_erasure_is_told_and_who_learned_from_the_row(erased: World, capsys) -> None:
    _, folder = report(erased, capsys)
    text = (folder / "index.html").read_text()
    assert "1 row(s) to be forgotten" in text
    assert "asked to be forgotten" in text
    assert text.count("learned from a forgotten row") == 6
    assert "2 erasures" in text


def test_what_comes_from_outside_is_text_and_never_markup() -> None:
    rejected = {"name": "policy", "version": 1, "digest": "d" * 64,
                "statement": {"reason": "<b onload=x>&", "approver": "<i>"}}
    text = page([entry(0, "rejected", **rejected)], "<policy>", WHOLE, "h", set(), NOW)
    assert "<b onload" not in text
    assert "<i>" not in text
    assert "&lt;b onload=x&gt;&amp;" in text


def thousand() -> list[Told]:
    """A run a night for a thousand nights; every tenth is promoted, every seventh refused."""
    found: list[Told] = []
    for number in range(1, 1001):
        at = NOW + timedelta(days=number)
        digest, refused = f"{number:064x}", number % 7 == 0
        about = {"name": "policy", "version": number, "digest": digest}
        verdict = "refuse" if refused else "promote"
        decision = {"verdict": verdict, "findings": []}
        said: list[tuple[str, dict[str, Any]]] = [
            ("run started", {}), ("gate decided", {"candidate": digest, "verdict": verdict, "decision": decision}),
            ("registered", {**about, "bundle": digest, "verdict": verdict}),
            ("run finished", {"outcome": "refused" if refused else "waiting for approval", "reason": "as the gate",
                              "version": number})]
        if number % 10 == 0 and not refused:
            said.append(("promoted", {**about, "previous": None, "approvals": ["ben"]}))
        found += [Told(len(found) + place, at.isoformat(), kind, "anna", digest, {"run": f"r{number}", **payload})
                  for place, (kind, payload) in enumerate(said)]
    return found


def test_a_thousand_versions_fold_into_months_and_a_page_of_a_size_to_open() -> None:
    entries = thousand()
    text = page(entries, "policy", Verification(True, len(entries)), "h", {1000}, NOW)
    assert len(text) < 2_000_000
    assert text.count("<summary>") > 30
    assert "970 older versions" in text
    shown = text[:text.index("<summary>") + text[text.index("<summary>"):].index('id="events"')]
    assert shown.count('<tr><th scope="row">') < 1200
    Seen(text)


def test_trees_are_written_of_the_newest_versions_and_of_every_champion() -> None:
    promoted = entry(0, "promoted", name="policy", version=5, digest="d", previous=None)
    assert asked_for([promoted], "policy", range(1, 301)) == [5, *range(201, 301)]
    assert asked_for([], "policy", []) == []


def test_marks_that_would_lie_on_one_another_are_one_with_their_number() -> None:
    entries = thousand()
    picture = draw(events(entries, "policy"), reigns(entries, "policy"), NOW)
    for lane in {mark.lane for mark in picture.marks}:
        places = [mark.x for mark in picture.marks if mark.lane == lane]
        assert len(places) <= (RIGHT - LEFT) / BUCKET + 1
        assert all(low < high for low, high in zip(places, places[1:], strict=False))
    assert sum(mark.count for mark in picture.marks if mark.lane == "run") == 1000
    assert [number for lane, _, _, number in picture.lanes if lane == "promotion"] == [86]  # 100 less every 70th: 14
    assert all(band.left >= LEFT and band.left + band.width <= RIGHT for band in picture.bands)


@pytest.mark.parametrize(("seconds", "texts"), [
    (4, ["00:00:00", "00:00:01", "00:00:02", "00:00:03", "00:00:04"]),
    (4 * 86400, ["31 Jan", "01 Feb", "02 Feb", "03 Feb", "04 Feb"]), (0, ["00:00:00"]),
    (200 * 86400, [f"{month} 2026" for month in ("Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug")]),
    (690 * 86400, ["Apr 2026", "Jul 2026", "Oct 2026", "Jan 2027", "Apr 2027", "Jul 2027", "Oct 2027"])])
def test_ticks_are_round_moments_and_few(seconds: int, texts: list[str]) -> None:
    axis = Axis(NOW, NOW + timedelta(seconds=seconds), 0, 100)
    assert [tick.text for tick in axis.ticks()] == texts
    for days in (3, 40, 400, 4000):
        assert 1 <= len(Axis(NOW, NOW + timedelta(days=days), 0, 100).ticks()) <= 10


def test_a_long_silence_is_a_break_and_a_steady_rhythm_is_none() -> None:
    nights = [NOW + timedelta(days=number) for number in range(5)]
    late = NOW + timedelta(days=104)
    assert silences(nights) == silences(nights[:1]) == silences([]) == ()
    (gap,) = silences([*nights, late, late + timedelta(hours=1)])
    assert gap == (nights[-1], late)
    axis = Axis(NOW, late + timedelta(days=1), 0, 100 + BREAK, (gap,))  # 5 days are drawn: 20 pixels a day
    assert [axis.x(moment) for moment in (nights[1], nights[4], late, axis.last)] == [20, 80, 80 + BREAK, 100 + BREAK]
    assert [(tick.text, tick.x) for tick in axis.breaks()] == [("100 days", 80 + BREAK / 2)]
    assert [tick.text for tick in axis.ticks()] == [
        "31 Jan", "01 Feb", "02 Feb", "03 Feb", "04 Feb", "15 May", "16 May"]


def test_a_run_that_has_not_ended_is_told_as_such() -> None:
    (one,) = events([entry(0, "run started")], "policy")
    assert (one.what, one.why, one.entries) == ("run: not finished", "at work, or killed", (0,))
    assert "not finished" in page([entry(0, "run started")], "policy", Verification(False, 1, Broken(1, "cut")), "h",
                                  set(), NOW)
