"""params.yaml as one frozen value, or one clear error.

A stage's sections stand in dvc.yaml under its `params`, so that a change elsewhere does not run it again.
"""

from pathlib import Path
from typing import Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from tasks.contracts.data_config import DataConfig, TokensConfig
from tasks.contracts.errors import ParamsInvalid
from tasks.contracts.frozen import Settings
from tasks.contracts.gate_config import EvaluateConfig, GatesConfig, PromotionConfig, RetentionConfig
from tasks.contracts.learning_config import BaseConfig, LanguageLoopConfig, RewardModelConfig
from tasks.contracts.places import PARAMS
from tasks.contracts.policy_config import PPOConfig
from tasks.contracts.reward_config import RewardConfig
from tasks.contracts.yaml_text import read_yaml


class Params(Settings):
    """Everything in params.yaml. A section that dvc.yaml names has no default: DVC must find it."""

    seed: int = Field(ge=0, lt=2**31, description="every random generator starts from it")
    device: Literal["auto", "cpu", "cuda"] = Field(description="auto: the GPU in bf16 where there is one")
    threads: int = Field(ge=1, le=256, description="CPU cores to use; their number changes no byte")
    data: DataConfig
    tokens: TokensConfig
    base: BaseConfig
    pretrain: LanguageLoopConfig
    sft: LanguageLoopConfig
    reward_model: RewardModelConfig
    reward: RewardConfig
    ppo: PPOConfig
    evaluate: EvaluateConfig
    gates: GatesConfig
    promotion: PromotionConfig = Field(default_factory=PromotionConfig)
    retention: RetentionConfig = Field(default_factory=RetentionConfig)

    @model_validator(mode="after")
    def pretraining_learns_everything(self) -> "Params":
        if self.pretrain.lora is not None:
            raise ValueError("pretrain.lora is set, but pretraining starts from random weights, which beside adapters "
                             "would stay random; remove it")
        return self


def load_params(path: Path = PARAMS) -> Params:
    """Read and check params.yaml.

    Raises:
        ParamsInvalid: the file is missing, is no YAML mapping, or a setting cannot be; all faults are named at once.
    """
    try:
        raw = read_yaml(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ParamsInvalid(
            "there are no settings", where=str(path), wanted="a YAML file", found="none",
            next_step="Run this in the root of a Hallmark checkout, or restore it with `git checkout params.yaml`.",
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ParamsInvalid(
            "does not parse as YAML", where=str(path), found=" ".join(str(error).split()),
            next_step="Mend the place named, or restore the file with `git checkout params.yaml`.") from None
    if not isinstance(raw, dict):
        raise ParamsInvalid(
            "is not a mapping of settings", where=str(path), wanted="sections such as `ppo:`", found=type(raw).__name__)
    return parse_params(raw, str(path))


def parse_params(raw: dict[str, object], where: str = "params") -> Params:
    """Check a mapping that was already read. Raises ParamsInvalid, naming every fault."""
    try:
        return Params.model_validate(raw)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, fault['loc'])) or '(top level)'}: {fault['msg'].removeprefix('Value error, ')}"
                  for fault in error.errors()]
        raise ParamsInvalid(
            f"{len(faults)} setting(s) cannot be: " + "; ".join(faults), where=where,
            next_step="docs/params.md says what each setting means and may be.") from None
