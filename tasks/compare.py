"""Step of the flow: candidate and champion -> evidence. Not a DVC stage, since it depends on the registry."""

from pathlib import Path

from tasks.contracts.canonical import file_sha256
from tasks.contracts.config import Params
from tasks.contracts.evidence import Evidence
from tasks.contracts.places import COMPARISON, EVIDENCE, POLICY
from tasks.contracts.reporting import Sink
from tasks.evaluate import PROMPTS_TEST, answers_of, judge_of
from tasks.gates.measures import Measures, win_points
from tasks.training.determinism import settle


def compare(params: Params, sink: Sink, champion_folder: Path) -> Evidence:
    """Write build/comparison/evidence.json: the stage's evidence with `policy_vs_champion_win_rate` added.

    Args:
        champion_folder: the champion's files, already checked against their digest.
    """
    settle(params.seed, threads=params.threads)
    evidence = Evidence.model_validate_json((EVIDENCE / "evidence.json").read_bytes())
    judge = judge_of(params, sink)
    sink.note("answering held-out prompts with the candidate and the champion")
    scores = [judge(answers_of(folder, params)) for folder in (POLICY, champion_folder)]
    metric = Measures(file_sha256(PROMPTS_TEST), params.evaluate, params.seed).mean(
        "policy_vs_champion_win_rate", win_points(*scores))
    joined = Evidence(candidate=evidence.candidate, metrics=(*evidence.metrics, metric))
    COMPARISON.mkdir(parents=True, exist_ok=True)
    (COMPARISON / "evidence.json").write_text(joined.model_dump_json(), encoding="utf-8")
    return joined
