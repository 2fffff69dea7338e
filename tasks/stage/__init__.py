"""The bridge between a stage's function, its command line in dvc.yaml and its MLflow run.

`python -m tasks.NAME` ends in `main(NAME)`: settings are read, an MLflow run is opened, the function gets a sink,
and its numbers land in build/metrics/NAME.json and build/plots/NAME.csv. A stage does not know who started it: with
HALLMARK_EVENTS=1 its progress is a JSON text sequence on stdout (RFC 7464), on a terminal a live line, else lines.
"""

import errno
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from tasks.contracts.canonical import file_sha256, folder_digest
from tasks.contracts.config import Params, load_params
from tasks.contracts.errors import DiskFull, HallmarkError, StageBroke, StageKilled
from tasks.contracts.places import CHECKED, METRICS, PLOTS, PREPARED, home
from tasks.contracts.reporting import Sink
from tasks.contracts.yaml_text import read_yaml
from tasks.stage.files import as_floats, finite, write_metrics, write_plot
from tasks.stage.views import View, choose_view

if TYPE_CHECKING:
    from tasks.records.stage_run import StageRun

PARENT_RUN = "HALLMARK_PARENT_RUN"  # MLflow run id under which the stage's own run stands

StageFunction = Callable[[Params, Sink], Mapping[str, float]]


def main(function: StageFunction) -> NoReturn:
    """Run a stage and end the process with its verdict: 0, or the exit code of the error."""
    sys.exit(run(function))


def run(function: StageFunction, view: View | None = None) -> int:
    """Run a stage and return its exit code; whatever goes wrong is shown as one clear message."""
    name = function.__name__
    view = view or choose_view(name)
    previous = signal.signal(signal.SIGTERM, _interrupt)  # so that the MLflow run is closed before the process ends
    try:
        run_id, numbers = record(name, function, load_params(), view)
    except (Exception, KeyboardInterrupt) as fault:  # noqa: BLE001 - outermost: each fault becomes one message
        error = as_hallmark_error(name, fault)
        view.fail(error)
        return error.exit_code
    finally:
        signal.signal(signal.SIGTERM, previous)
    view.done(run_id, numbers)
    return 0


def record(name: str, function: StageFunction, params: Params, view: View) -> tuple[str, dict[str, float]]:
    """Run the function inside its MLflow run; return the run's id and the numbers, both files written."""
    from tasks.records import tracking

    with tracking.child_run(name, os.environ.get(PARENT_RUN)) as child:
        stage = entry_of(name)
        child.log_params(settings_of(stage, params))
        for path, sha256 in data_of(stage, params):
            child.log_input(path.name, path, sha256)
        tee = Tee(view, child)
        numbers = as_floats(function(params, tee))
        files = [write_metrics(METRICS / f"{name}.json", numbers), write_plot(PLOTS / f"{name}.csv", tee.rows)]
        child.log_metrics(tee.last_step, finite(numbers))
        for file in files:
            child.log_artifact(file)
        return child.run_id, numbers


def as_hallmark_error(name: str, fault: BaseException) -> HallmarkError:
    """Say any exception as an error of the tree; the traceback of an unforeseen one goes into the stage's log."""
    if isinstance(fault, HallmarkError):
        return fault
    if isinstance(fault, KeyboardInterrupt):
        return StageKilled("was interrupted", where=name, next_step="Run it again: it resumes where it can.")
    if isinstance(fault, OSError) and fault.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(
            "no room left on the disk", where=fault.filename or name,
            next_step="Free some space and run again; what was half-written is removed by the next run.")
    log = home() / "logs" / f"{name}.log"
    said = (str(fault).strip().splitlines() or ["no message"])[0][:300]
    return StageBroke(
        f"{type(fault).__name__}: {said}", where=name, next_step=_keep_traceback(log, fault))


def _keep_traceback(log: Path, fault: BaseException) -> str:
    text = "".join(traceback.format_exception(fault))
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(text, encoding="utf-8")
    except OSError:  # nowhere to write: then the reader gets it here, or it would be lost
        print(text, file=sys.stderr)
        return "The traceback is above; the log folder cannot be written."
    return f"The traceback is in {log}."


def _interrupt(number: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt(signal.Signals(number).name)


# --- the sink of a stage ---


class Tee:
    """Passes a loop's reports to the view and to MLflow, and keeps the rows of the plot."""

    def __init__(self, view: View, child: "StageRun"):
        self._view, self._child = view, child
        self.rows: list[dict[str, float]] = []
        self.last_step = 0

    def begin(self, steps: int, unit: str = "steps") -> None:
        self._view.begin(steps, unit)

    def step(self, step: int, numbers: Mapping[str, float]) -> None:
        plain = as_floats(numbers)
        self.rows.append({"step": step, **plain})
        self.last_step = max(self.last_step, step)
        self._child.log_metrics(step, finite(plain))
        self._view.step(step, plain)

    def note(self, text: str) -> None:
        self._view.note(text)


# --- what MLflow shows of a stage ---


def settings_of(stage: Mapping[str, Any], params: Params) -> dict[str, str]:
    """The settings that a stage names in dvc.yaml, flat (`ppo.clip`); all of them where it names none."""
    from tasks.records.stage_run import flatten

    flat = flatten(params.model_dump(mode="json"))
    sections = [entry for entry in stage.get("params", []) if isinstance(entry, str)]
    return {key: value for key, value in flat.items() if not sections or _is_below(key, sections)}


def _is_below(key: str, sections: list[str]) -> bool:
    return any(key == section or key.startswith(f"{section}.") for section in sections)


def data_of(stage: Mapping[str, Any], params: Params) -> Iterator[tuple[Path, str]]:
    """The data that a stage names under `deps` in dvc.yaml, each with the sha256 of its bytes."""
    deps = [Path(entry) for entry in stage.get("deps", []) if isinstance(entry, str)]
    if Path("data") in deps:
        yield from ((path, file_sha256(path)) for path in map(Path, (one.path for one in params.data.sources))
                    if path.is_file())
    yield from ((path, folder_digest(path)) for path in deps if path in (CHECKED, PREPARED) and path.is_dir())


def entry_of(name: str) -> Mapping[str, Any]:
    """What dvc.yaml says of a stage; nothing where it runs outside a pipeline."""
    try:
        stages = read_yaml(Path("dvc.yaml").read_text(encoding="utf-8"))["stages"]
    except (FileNotFoundError, KeyError, TypeError):
        return {}
    return dict(stages.get(name) or {})
