"""What a rule about comparisons asks where there are none: the same of held-out labels."""

from types import MappingProxyType

from tasks.contracts.evidence import Evidence
from tasks.contracts.gate_config import Rule
from tasks.gates import of_labels, of_reward_model

# both are shares of pairs in the right order: of two answers that a person compared, of a good and a bad answer
STAND_INS = MappingProxyType({
    of_reward_model.MODEL: of_labels.MODEL, of_reward_model.LONGER: of_labels.LONGER,
    of_reward_model.WORDS: of_labels.WORDS})


def asked_of(rule: Rule, evidence: Evidence | None) -> Rule:
    """The rule as it is; or about labels, where the evidence has these and not one number about comparisons.

    One number that is missing beside others on comparisons is missing, and refuses.
    """
    names = {metric.name for metric in evidence.metrics} if evidence is not None else set()
    if STAND_INS.get(rule.metric) not in names or names & STAND_INS.keys():
        return rule
    return rule.model_copy(update={
        "metric": STAND_INS[rule.metric], "better_than": STAND_INS.get(rule.better_than or "", rule.better_than)})
