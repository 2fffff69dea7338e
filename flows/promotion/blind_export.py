"""A version's answers go out to people, beside those of what it is compared with, and nobody can tell which is which.

<home>/comparisons/DIGEST.json is the key of a sheet: which column the version's answer is in, by digests of rows. The
ledger has its digest, so that nobody can turn a result round afterwards.
"""

import secrets
from pathlib import Path
from typing import Literal

from flows.desk import Desk
from flows.promotion import consent
from flows.promotion.blind import EXPORTED, Pair, make_sheet
from flows.promotion.consent import Case
from flows.promotion.verified import verified_model
from tasks.contracts.canonical import canonical_json, file_sha256, folder_digest, sha256_hex
from tasks.contracts.errors import DigestMismatch, Misused
from tasks.contracts.measured_on import FILES, ground_of
from tasks.contracts.places import SFT
from tasks.stage.files import write_whole

Against = Literal["champion", "sft"]


def export(desk: Desk, version: int, out: Path, prompts: int, against: Against | None = None) -> int:
    """Have a version and what it is compared with answer held-out prompts; write the sheet and return its rows.

    Args:
        against: the champion that it was decided against, or the SFT model; by default the first where there was one.

    Raises:
        DigestMismatch: the SFT model or the prompts are not those that the version was measured with.
        Misused: the file exists, or there was no champion.
    """
    if out.exists():
        raise Misused("is there already, and is not written over", where=str(out), next_step="Name another file.")
    case = desk.case(version)
    other, label = opponent(desk, case, against or ("sft" if case.against is None else "champion"))
    refuse_other_prompts(desk, case)
    own = verified_model(desk.ledger, case.name, version)
    text, key = make_sheet(_pairs(desk, own, other, prompts), secrets.randbits(64))
    record = canonical_json({"format": "hallmark comparison 1", "version": version, "against": label, "rows": key})
    digest = sha256_hex(record)
    write_whole(desk.home / "comparisons" / f"{digest}.json", record.decode())
    desk.record(EXPORTED, name=case.name, version=version, digest=case.digest, comparison=digest, against=label,
                rows=len(key))
    write_whole(out, text)
    return len(key)


def opponent(desk: Desk, case: Case, against: Against) -> tuple[Path, str]:
    """The folder of the model that a version is compared with, its bytes checked, and what it is called."""
    if against == "champion":
        if case.against is None:
            raise Misused("was decided without a champion", where=str(case), next_step="Compare it with `sft`.")
        return verified_model(desk.ledger, desk.name, case.against), f"{desk.name} version {case.against}"
    wanted = consent.evidence_bundle(desk.home, case)["models"]["sft"]
    found = folder_digest(desk.root / SFT)
    if found != wanted:
        raise DigestMismatch("is not the SFT model that this version was trained from", where=str(SFT), wanted=wanted,
                             found=found, next_step="`dvc checkout` at the version's commit brings it back.")
    return desk.root / SFT, "sft"


def refuse_other_prompts(desk: Desk, case: Case) -> None:
    """Raise DigestMismatch where the held-out prompts are not those that the version was measured on."""
    metrics = consent.evidence_bundle(desk.home, case)["evidence"]["metrics"]
    wanted = {metric["measured_on"] for metric in metrics if ground_of(metric["name"]) == "prompts"}
    found = file_sha256(desk.root / FILES["prompts"])
    if found not in wanted:
        raise DigestMismatch("are not the prompts that this version was measured on", where=str(FILES["prompts"]),
                             wanted=", ".join(sorted(wanted)) or "prompts in its evidence", found=found)


def _pairs(desk: Desk, ours: Path, theirs: Path, prompts: int) -> list[Pair]:
    from tasks.evaluate import answers_of
    from tasks.training.answering import Answerer
    from tasks.training.determinism import settle
    from tasks.training.devices import pick_device

    params = desk.params.model_copy(update={"evaluate": desk.params.evaluate.model_copy(update={"prompts": prompts})})
    settle(params.seed, threads=params.threads)
    first, second = (answers_of(Answerer(folder, pick_device(params.device)), params) for folder in (ours, theirs))
    return [Pair(*one) for one in zip(first.prompts, first.answers, second.answers, strict=True)]
