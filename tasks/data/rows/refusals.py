"""Why a row does not train."""


class RowRefused(ValueError):
    """One row is refused; the message is the reason and never holds text of the row."""
