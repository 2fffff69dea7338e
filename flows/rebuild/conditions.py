"""The conditions under which a rebuild runs, held against those of then: packages, interpreter and hardware."""

import re
from collections.abc import Mapping

from tasks.contracts.errors import Refused
from tasks.records.digests import NOT_RECORDED
from tasks.records.machine import installed_packages, machine

SHOWN = 5  # packages that a message names
NOT_LEARNING = {"hallmark", "pip", "setuptools", "wheel"}  # our code is the commit's; the others install
IN_HARDWARE = {"processor", "gpu", "driver"}  # what the words under `hardware` say too


def packages_changed(recorded: str) -> list[str]:
    """A sentence for each package that is installed in another version than then, or not at all.

    Args:
        recorded: `name==version` a line, of what was installed, or of a lock file where nothing else was recorded. A
            version without a local part (`+cpu`) stands for all builds of it.
    """
    found, wanted = _versions(installed_packages()), _versions(recorded)
    return [f"{name} {version} then, {found.get(name, 'not installed')} now"
            for name, version in sorted(wanted.items())
            if name not in NOT_LEARNING and not _same(found.get(name), version)]


def refuse_other_packages(changed: list[str]) -> None:
    """Raise Refused where packages differ: they are the first suspects for other bytes."""
    if changed:
        more = f" and {len(changed) - SHOWN} more" if len(changed) > SHOWN else ""
        raise Refused(
            "the installed packages are not those that it was made with", found="; ".join(changed[:SHOWN]) + more,
            wanted="the versions of its run",
            next_step="Install them (`make install` on its commit), or rebuild with --other-packages.")


def machine_changed(recorded: Mapping[str, str]) -> list[str]:
    """A sentence for each thing about interpreter and hardware that is another one now."""
    now = machine()
    changed = [key for key, value in recorded.items() if value not in (now.get(key), NOT_RECORDED)]
    return [f"{key} {recorded[key]} then, {now.get(key)} now" for key in changed
            if key not in IN_HARDWARE or "hardware" not in changed]


def _versions(listed: str) -> dict[str, str]:
    """Package -> version; all spellings of a name are one, extras are left out."""
    said = re.findall(r"^([\w.-]+)(?:\[[^\]]*\])?==(\S+)", listed, re.MULTILINE)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in said}


def _same(found: str | None, wanted: str) -> bool:
    return found is not None and (found == wanted or ("+" not in wanted and found.partition("+")[0] == wanted))
