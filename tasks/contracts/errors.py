"""The error tree: one type for each reaction that a caller may have.

Every error says what went wrong, where, what was wanted, what was found and what to do next. `exit_code`
is the verdict of the process that ends on it: 1 refused or failed a check, 2 misused, 3 broke off by a fault.
"""


class HallmarkError(Exception):
    """Base of all errors of Hallmark; not raised itself."""

    exit_code = 3
    retryable = False  # True only where the same call may succeed a moment later

    def __init__(self, what: str, *, where: str = "", wanted: str = "", found: str = "", next_step: str = ""):
        self.what, self.where, self.wanted, self.found, self.next_step = what, where, wanted, found, next_step
        super().__init__(self.message())

    def message(self) -> str:
        """The whole message as one line of prose, without the name of the type."""
        text = f"{self.where}: {self.what}" if self.where else self.what
        if self.wanted or self.found:
            text += "; " + ", ".join(
                f"{label} {value}" for label, value in (("wanted", self.wanted), ("found", self.found)) if value)
        return f"{text}. {self.next_step}".strip() if self.next_step else text

    def __str__(self) -> str:
        return f"{type(self).__name__}: {self.message()}"


class Refused(HallmarkError):
    """A check said no. Trying again changes nothing; something must be put right first."""

    exit_code = 1


class DataRefused(Refused):
    """A data file, or too many of its rows, must not train."""


class PromotionRefused(Refused):
    """A version may not become champion: the gate, an approval or the registry's state says no."""


class LedgerBroken(Refused):
    """The chain of the ledger does not verify: an entry was changed, cut, inserted or reordered."""


class DigestMismatch(Refused):
    """Bytes are not the bytes that were recorded."""


class Misused(HallmarkError):
    """The call itself is wrong: a command, a parameter or a place."""

    exit_code = 2


class ParamsInvalid(Misused):
    """params.yaml is missing, does not parse, or names a setting that cannot be."""


class NotAWorkspace(Misused):
    """The folder is not a checkout in which a retraining can run: no git, no dvc.yaml."""


class UnknownVersion(Misused):
    """No such version of a registered model."""


class WorkspaceBusy(Misused):
    """Another retraining holds this workspace or its accelerator."""


class Fault(HallmarkError):
    """Something broke that nobody asked for."""


class NotFinite(Fault):
    """A loss, reward or gradient became NaN or infinite. A retry would meet the same numbers."""


class StageBroke(Fault):
    """A stage's process ended without saying why."""


class StageKilled(Fault):
    """A stage's process was ended by a signal from outside; it can be resumed."""

    retryable = True


class DiskFull(Fault):
    """No room left where something must be written."""


class PortTaken(Fault):
    """Another program listens where a server should."""


class ServiceUnreachable(Fault):
    """A database or a server did not answer in time."""

    retryable = True
