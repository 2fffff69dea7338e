"""The `hallmark` command: groups, messages and exit codes. What a command does stands in the file of its group.

Exit codes are the verdict: 0 done or verified, 1 refused or failed the check, 2 misused, 3 broke off by a fault.
"""

import errno
import json
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

import typer

from flows.cli import approve, audit, compare, data, doctor, gate, gc, keys, promote, retrain, schedule, status, up
from tasks.contracts.errors import DiskFull, HallmarkError, StageBroke
from tasks.contracts.places import home

FAULT = 3
INTERRUPTED = 130  # typer's exit code after Ctrl-C

app = typer.Typer(
    name="hallmark", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    rich_markup_mode=None, help="Retrain a language model from human feedback, and prove where every model came from.")
COMMANDS: dict[str, Callable[..., None]] = {
    "retrain": retrain.command, "status": status.command, "gate": gate.command, "approve": approve.approve,
    "reject": approve.reject, "promote": promote.promote, "rollback": promote.rollback, "doctor": doctor.command,
    "schedule": schedule.command, "up": up.command}
for name, command in COMMANDS.items():
    app.command(name)(command)
app.add_typer(data.app, name="data")
app.add_typer(audit.app, name="audit")
app.add_typer(compare.app, name="compare")
app.add_typer(gc.app, name="gc")
app.add_typer(keys.app, name="keys")


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Entry point of the console script."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code. A user sees one message, never a traceback."""
    before = signal.signal(signal.SIGTERM, _interrupt)  # ends what was started, as Ctrl-C does
    try:
        app(args=list(arguments), prog_name="hallmark")
    except SystemExit as end:
        return _interrupted() if end.code == INTERRUPTED else int(end.code or 0)
    except KeyboardInterrupt:
        return _interrupted()
    except HallmarkError as error:
        return _complain(error, in_json="--json" in arguments)
    except Exception as fault:  # noqa: BLE001 - outermost: what nobody foresaw becomes one message too
        return _complain(_unforeseen(fault), in_json="--json" in arguments)
    finally:
        signal.signal(signal.SIGTERM, before)
    return 0


def _interrupt(number: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _complain(error: HallmarkError, in_json: bool) -> int:
    if in_json:
        print(json.dumps({"error": str(error)}))
    else:
        print(error, file=sys.stderr)
    return error.exit_code


def _interrupted() -> int:
    print("Interrupted: all that was started has been ended; the next run resumes where it can.", file=sys.stderr)
    return FAULT


def _unforeseen(fault: Exception) -> HallmarkError:
    """A fault of ours: keep its traceback where a report of it can be made from. A full disk is nobody's."""
    import tempfile

    if isinstance(fault, OSError) and fault.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull("no room left on the disk", where=str(fault.filename or home()),
                        next_step="Free some space and run again.")
    folder = home() / "logs" if home().is_dir() else Path(tempfile.mkdtemp(prefix="hallmark-"))
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "hallmark.log"
    log.write_text("".join(traceback.format_exception(fault)), encoding="utf-8")
    said = (str(fault).strip().splitlines() or ["no message"])[0][:300]
    return StageBroke(
        f"{type(fault).__name__}: {said}", where="hallmark",
        next_step=f"This is a fault of Hallmark; its traceback is in {log}.")
