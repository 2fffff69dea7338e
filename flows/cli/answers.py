"""The audit's answers as lines of text, each ending with the ledger entries that it rests on."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from flows.cli import place

Answer = Mapping[str, Any]
MOST_SHOWN = 20  # refused rows and packages on a screen; --json has them all


def show(answer: Answer, json: bool, in_words: Callable[[Answer], Iterator[str]]) -> None:
    """The answer as one object, or in words."""
    if json:
        place.show_json(answer)
        return
    for line in in_words(answer):
        print(line)
    print(rests_on(answer["entries"]))


def rests_on(entries: Sequence[int]) -> str:
    """`rests on ledger entries 3, 8`."""
    if not entries:
        return "rests on no ledger entry: there is none about it"
    return f"rests on ledger {'entry' if len(entries) == 1 else 'entries'} {', '.join(map(str, entries))}"


def of_row(said: Answer) -> Iterator[str]:
    """`hallmark audit row`."""
    yield f"row {said['row']}"
    if said["forgotten"]:
        one = said["forgotten"]
        ended = "not carried through yet" if one["finished"] is None else f"carried through, entry {one['finished']}"
        yield f"  FORGOTTEN at {one['time'][:19]}Z (entry {one['entry']}) by {one['by']}: {one['reason']}; {ended}"
    if not said["origins"]:
        yield "  is in no version of the data that was recorded"
    for one in said["origins"]:
        yield (f"  data version {one['data_version']}: {one['source']}, line {one['line']}, "
               f"file's sha256 {one['sha256'][:16]}")
        for key, label in (("annotator", "labelled by"), ("guideline", "guideline"), ("licence", "licence"),
                           ("consent", "consent"), ("came_from", "came from"), ("collected", "collected"),
                           ("collected_by", "collected by")):
            yield f"    {label:<13} {one[key]}"
    yield from (f"  NOT KNOWN: the manifest {root} is gone or damaged" for root in said["unreadable"])


def of_checks(said: Answer) -> Iterator[str]:
    """`hallmark audit checks`."""
    yield (f"{said['name']} version {said['version']}, data version {said['data_version']}: {said['verdict']} "
           f"(report {said['report'][:16]})")
    for one in said["expectations"]:
        about = f" of {one['columns']}" if one["columns"] else ""
        verdict = "passed" if one["passed"] else f"FAILED, {one['unexpected_rows']:,} rows"
        yield f"  suite {one['suite']:<16} {one['expectation']}{about}: {verdict}"
    for one in said["sources"]:
        yield (f"  {one['path']}: {one['rows_read']:,} rows read, {one['rows_accepted']:,} accepted, "
               f"{len(one['refused']):,} refused; licence {one['licence']}, consent {one['consent']}")
        yield from (f"    line {row['line']}: {row['reason']}" for row in one["refused"][:MOST_SHOWN])
        yield from more(len(one["refused"]))
        yield from (f"    warning: {text}" for text in one["warnings"])


def of_origin(said: Answer) -> Iterator[str]:
    """`hallmark audit origin`."""
    yield f"{said['name']} version {said['version']}, {said['digest']}"
    yield f"  run          {said['run']}, started by {said['started_by']} at {said['started'][:19]}"
    yield f"  commit       {said['commit']}"
    tree = {True: "dirty", False: "clean"}.get(said["dirty"], said["dirty"])
    yield f"  working tree {tree}" + (f"; its changes: {said['diff']['path']}" if said["diff"] else "")
    yield f"  settings     {said['settings']['path']}"
    yield from _machine(said)
    yield from _packages(said["packages"])
    for one in said["parents"]:
        which = f"{one['name']} version {one['version']}" if one["version"] else one["note"]
        yield f"  {one['role']:<12} {one['digest']}" + (f", {which}" if which else "")


def _machine(said: Answer) -> Iterator[str]:
    yield f"  hardware     {said['hardware']}"
    for key in ("python", "processor", "gpu", "driver", "cuda"):
        yield f"  {key:<12} {said[key]}"


def _packages(said: Answer) -> Iterator[str]:
    yield f"  packages     locked in {said['lock']['path']}"
    yield f"               installed as listed in {said['installed']['path']}"
    if isinstance(said["differ"], str):
        yield f"               difference of the two: {said['differ']}"
        return
    for one in said["differ"][:MOST_SHOWN]:
        yield f"               {one['package']}: locked {one['locked']}, installed {one['installed'] or 'not at all'}"
    yield from more(len(said["differ"]))


def of_approvals(said: Answer) -> Iterator[str]:
    """`hallmark audit approvals`."""
    gate = said["gate"]
    yield f"{said['name']} version {said['version']}, {said['digest']}"
    yield f"  evidence     bundle {said['bundle']}: {gate['bundle']}"
    yield f"  gate         {gate['verdict']}" + (f", entry {gate['entry']}" if gate["entry"] is not None else "")
    yield from (f"    {finding(one)}" for one in gate["findings"])
    yield f"  started by   {', '.join(said['started_by']) or 'not recorded'}"
    yield f"  signatures   {sum(one['holds'] for one in said['signatures'])} hold, wanted {said['wanted']}"
    for one in said["signatures"]:
        yield from (f"    {line}" for line in _signature(one))
    yield from (f"  {promotion(one)}" for one in said["promotions"])


def finding(one: Answer) -> str:
    """`judge_score passed: wanted low >= 0.5, found 0.7 [0.6, 0.8]`."""
    found = "nothing" if one["found"] is None else f"{one['found']:.4g}"
    interval = "" if one["low"] is None or one["high"] is None else f" [{one['low']:.4g}, {one['high']:.4g}]"
    verdict = "passed" if one["passed"] else "FAILED"
    return f"{one['metric']} {verdict}: wanted {one['wanted']}, found {found}{interval}"


def _signature(one: Answer) -> Iterator[str]:
    if "signed" not in one:
        yield f"entry {one['entry']}: NO SIGNATURE: {one['why_not']}"
        return
    worth = "holds" if one["holds"] else f"DOES NOT HOLD: {one['why_not']}"
    whose = "who started the run" if one["own_run"] else "not who started the run"
    yield f"{one['decision']} by {one['approver']} at {one['signed']}, {whose}: {one['reason']}"
    yield f"  entry {one['entry']}, over bundle {one['over_bundle'][:16]}: {worth}"


def promotion(one: Answer) -> str:
    """`promoted at … by ben (entry 12), signed by ben`."""
    why = "".join(f"{label}: {one[key]}; " for label, key in (("OVERRIDE", "override"), ("rollback", "rollback"))
                  if one[key])
    signed = f"signed by {', '.join(one['approvals'])}" if one["approvals"] else "on no signature"
    return f"{one['what']:<12} at {one['time'][:19]}Z by {one['by']} (entry {one['entry']}), {why}{signed}"


def of_champion(said: Answer) -> Iterator[str]:
    """`hallmark audit champion`."""
    one = said["champion"]
    if one is None:
        yield f"At {said['at']} nobody was champion yet."
        return
    until = f"until {one['until'][:19]}Z" if one["until"] else "and still is"
    yield f"At {said['at']} the champion was {one['name']} version {one['version']}, {one['digest']}"
    yield f"  since {one['since'][:19]}Z {until}; by {one['by']}" + (
        f", signed by {', '.join(one['approvals'])}" if one["approvals"] else "")
    if one["override"]:
        yield f"  OVERRIDE: the gate refused it, and was overridden: {one['override']}"
    if one["rollback"]:
        yield f"  it was put back by a rollback: {one['rollback']}"


def of_rollbacks(said: Answer) -> Iterator[str]:
    """`hallmark audit rollbacks`."""
    for one in said["rollbacks"]:
        yield (f"{one['time'][:19]}Z  {one['by']} took back version {one['from']} for version {one['to']}: "
               f"{one['reason']}")
        yield f"  {one['outcome']} (entries {', '.join(map(str, one['entries']))})"
    yield f"{len(said['rollbacks'])} rollbacks in the ledger."


def more(count: int) -> Iterator[str]:
    """What a screen has no room for."""
    if count > MOST_SHOWN:
        yield f"    … and {count - MOST_SHOWN:,} more; --json has all"
