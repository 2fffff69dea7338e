"""What becomes of a row that holds personal data, a secret or a canary: it trains, is masked first, or is refused."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from tasks.contracts.data_config import DataConfig, Policy
from tasks.data.checks.privacy import RECOGNISERS, SECRETS, personal_data
from tasks.data.rows.refusals import RowRefused
from tasks.data.rows.row_meta import META
from tasks.data.rows.schema import Row, refuse_texts

MASKED = "masked"  # the sign of a row of which something was replaced
_MASKS = {
    "email address": "[email]", "phone number": "[phone]", "social security number": "[social security number]",
    "card number": "[card]", "IBAN": "[iban]", "IP address": "[ip]", "IP address (v6)": "[ip]",
    "street address": "[address]", "date of birth": "[birth]", "passport number": "[passport]",
    "secret key or token": "[secret]", "secret token (JWT)": "[secret]", "private key": "[secret]",
    "resident identity number (China)": "[identity number]", "password": "[secret]"}
_CANARY = re.compile(r"\bcanary\b.{0,60}?\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", re.IGNORECASE | re.DOTALL)
_LONG_WORD = re.compile(r"[^\s\"'`<>()\[\]{},;]{12,}")
_NAME_DIGITS = 12


@dataclass(frozen=True)
class Policies:
    """Args: canaries: sha256, in hex, of strings that mark text which must never train."""

    personal_data: Policy = "warn"
    secrets: Policy = "warn"
    canaries: frozenset[str] = frozenset()

    @classmethod
    def of(cls, config: DataConfig) -> "Policies":
        """As params.yaml has them."""
        return cls(config.personal_data, config.secrets, frozenset(config.canaries))

    def of_kind(self, kind: str) -> Policy:
        """What becomes of a row that holds this kind."""
        return self.secrets if kind in SECRETS else self.personal_data


def abide(row: Row, policies: Policies, characters_at_most: int) -> tuple[Row, list[str]]:
    """Return the row as it may train, and the kinds of what it held, with MASKED where something was replaced.

    Raises:
        RowRefused: a policy refuses the row, it holds a canary, or what is left once it is masked is no row.
    """
    whole = "\n".join(_told(row).values())
    if has_canary(whole, policies.canaries):
        raise RowRefused("holds a canary, which marks text that must not train")
    kinds = personal_data(whole)
    refused = [kind for kind in kinds if policies.of_kind(kind) == "refuse"]
    if refused:
        raise RowRefused(f"holds personal data or a secret: {', '.join(refused)}")
    masked = [kind for kind in kinds if policies.of_kind(kind) == "mask"]
    if not masked:
        return row, kinds
    changed = masked_row(row, masked)
    if must_not_train(changed, policies):
        raise RowRefused(f"holds personal data that could not be masked: {', '.join(masked)}")
    refuse_texts({name: str(value) for name, value in changed.items() if name not in META}, characters_at_most)
    return changed, [*kinds, MASKED]


def must_not_train(row: Mapping[str, object], policies: Policies) -> list[str]:
    """The kinds that a row holds though a policy masks or refuses them; none are looked for where all are let be."""
    if policies.personal_data == policies.secrets == "warn":
        return []
    return [kind for kind in personal_data("\n".join(_told(row).values())) if policies.of_kind(kind) != "warn"]


def as_trained(row: Row, policies: Policies) -> Row:
    """The row with what the policies mask replaced, whether or not they refuse it for something else."""
    kinds = personal_data("\n".join(_told(row).values()))
    return masked_row(row, [kind for kind in kinds if policies.of_kind(kind) == "mask"])


def masked_row(row: Row, kinds: Sequence[str]) -> Row:
    """The row with every place of these kinds replaced. An annotator becomes a digest, so that people stay apart."""
    changed = dict(row)
    for name, text in _told(row).items():
        found = masked(text, kinds)
        if found != text:
            changed[name] = found if name != "annotator" else (
                f"annotator-{hashlib.sha256(text.encode()).hexdigest()[:_NAME_DIGITS]}")
    return changed


def masked(text: str, kinds: Sequence[str]) -> str:
    """The text with every place of these kinds replaced by the kind in brackets."""
    for kind in kinds:
        kept, done = [], 0
        for start, end in _merged(RECOGNISERS[kind].spans(text)):
            kept += [text[done:start], _MASKS[kind]]
            done = end
        text = "".join([*kept, text[done:]])
    return text


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans in order, those that overlap as one: in a@b.org@c.org two addresses do."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if found and start < found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def forms(row: Row) -> Iterator[Row]:
    """The row, and what each policy could have made of it: a row is known by the id of the form that trained."""
    kinds = personal_data("\n".join(_told(row).values()))
    secrets, personal = ([kind for kind in kinds if (kind in SECRETS) == wanted] for wanted in (True, False))
    made: list[Row] = []
    for parts in product(*(([], part) if part else ([],) for part in (personal, secrets))):
        form = masked_row(row, [kind for kind in kinds if any(kind in part for part in parts)])
        if form not in made:
            made.append(form)
            yield form


def has_canary(text: str, digests: frozenset[str]) -> bool:
    """Whether a text says that it is a canary with a GUID, or holds a string whose sha256 is one of these."""
    if ("anary" in text or "ANARY" in text) and _CANARY.search(text):
        return True
    return bool(digests) and any(
        hashlib.sha256(form.encode("utf-8", "surrogatepass")).hexdigest() in digests
        for word in set(_LONG_WORD.findall(text)) for form in (word, word.strip(".:!?")))


def _told(row: Mapping[str, object]) -> dict[str, str]:
    # a number in an id is no telephone; other fields beside the texts may well name a person
    return {name: value for name, value in row.items() if name != "id" and isinstance(value, str)}
