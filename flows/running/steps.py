"""Steps of the flow that need a model in memory, each a process of its own: `python -m flows.running.steps NAME DIR`.

They depend on the registry, not on files alone, so they are no stages of dvc.yaml. Run as one, a step shows itself in
MLflow and tells its progress as a stage does.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

from tasks import stage
from tasks.contracts.config import Params
from tasks.contracts.errors import Misused, PromotionRefused
from tasks.contracts.reporting import Sink
from tasks.records.model_files import refuse_other_bytes


def compare(params: Params, sink: Sink) -> Mapping[str, float]:
    """Measure the candidate against the champion in FOLDER; writes build/comparison/evidence.json."""
    from tasks.compare import compare as measure

    return {metric.name: metric.value for metric in measure(params, sink, _folder()).metrics}


def smoke(params: Params, sink: Sink) -> Mapping[str, float]:
    """Load the model in FOLDER and have it answer the smoke prompt.

    Raises:
        PromotionRefused: it answers nothing.
    """
    from tasks.evaluate import answer

    said = answer(_folder(), [params.promotion.smoke_prompt], params)[0]
    if not said.strip():
        raise PromotionRefused(
            "the model answers the smoke prompt with nothing", where=str(_folder()), wanted="an answer", found="none")
    return {"answer_characters": len(said)}


STEPS = {"compare": compare, "smoke": smoke}


def _folder() -> Path:
    """The model's folder; it is named by its digest, and its bytes are held against that once more before they load."""
    folder = Path(sys.argv[2])
    refuse_other_bytes("the model", folder, folder.name)
    return folder


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in STEPS:
        raise Misused("wants a step and a folder", where="flows.running.steps",
                      wanted=f"one of {', '.join(STEPS)}, and a path")
    stage.main(STEPS[sys.argv[1]])
