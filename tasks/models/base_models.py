"""A base model that others made: from its folder or the hub into memory, or refused with the reason."""

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from tasks.contracts.errors import ParamsInvalid
from tasks.models.ends import end_tokens
from tasks.models.folders import quiet, register_own
from tasks.models.trial import refuse_untrainable

PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt")
UNREAD = (OSError, ValueError, KeyError, ImportError, RuntimeError, SafetensorError)


def load_base_model(path: str, tokenizer: Any, *, most_tokens: int, revision: str | None = None) -> Any:
    """Load a causal LM in float32, in eval mode, that was found fit to be trained here; its code is never run.

    What its folder says of sampling is left behind: its generation config names the pad token and the end tokens, see
    tasks.models.ends, so that whoever loads what is made of it stops where we do.

    Args:
        path: a folder or a hub name.
        tokenizer: what its prompts and responses are encoded with.
        most_tokens: of a prompt and a response together.
        revision: branch, tag or commit of a hub name; None: the main branch.

    Raises:
        ParamsInvalid: it cannot be had, is of another kind, lacks weights, or is too small for tokenizer or texts.
    """
    where = f"base.path={path}"
    _refuse_other_kinds(_settings(path, revision, where), where)
    model = _with_all_weights(path, revision, where)
    _refuse_too_small(model, tokenizer, most_tokens, where)
    refuse_untrainable(model, where)
    _name_ends(model, tokenizer)
    return model


def hub_commit(path: str, revision: str | None = None) -> str | None:
    """Return the commit that a hub name, which was loaded before, stands for; None for a folder."""
    from transformers.utils.hub import cached_file, extract_commit_hash

    if Path(path).is_dir():
        return None
    commit: str | None = extract_commit_hash(cached_file(path, "config.json", revision=revision), None)
    return commit


def _settings(path: str, revision: str | None, where: str) -> dict[str, Any]:
    """The model's config.json."""
    from transformers import PretrainedConfig

    try:
        settings: dict[str, Any] = PretrainedConfig.get_config_dict(path, revision=revision)[0]
    except UNREAD as error:
        raise ParamsInvalid(
            "cannot be read" if Path(path).is_dir() else "is no folder here, and no model of that name can be fetched",
            where=where, wanted="a folder of a causal language model, or the hub name of one", found=_said(error),
            next_step="Mend base.path, or fetch the model with `hf download` where there is a network.") from None
    if "model_type" not in settings:
        raise ParamsInvalid("has no config.json that says what model it is", where=where, wanted="a model_type",
                            next_step="Set base.path to a folder that transformers' save_pretrained wrote.")
    return settings


def _refuse_other_kinds(settings: dict[str, Any], where: str) -> None:
    from transformers import CONFIG_MAPPING, MODEL_FOR_CAUSAL_LM_MAPPING

    register_own()
    kind, wanted = settings["model_type"], "a causal language model"
    if kind not in CONFIG_MAPPING:
        its_code = "needs code of its own, which is never run here" if "auto_map" in settings else (
            "is of a kind that this version of transformers does not know")
        raise ParamsInvalid(its_code, where=where, wanted=wanted, found=f"model_type {kind}",
                            next_step="Set base.path to a model whose code transformers has.")
    if settings.get("is_encoder_decoder") or CONFIG_MAPPING[kind] not in MODEL_FOR_CAUSAL_LM_MAPPING:
        raise ParamsInvalid("is no causal language model", where=where, wanted=wanted, found=f"model_type {kind}",
                            next_step="Set base.path to a model that writes on from a text.")


def _with_all_weights(path: str, revision: str | None, where: str) -> Any:
    from transformers import AutoModelForCausalLM

    try:
        with quiet():
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                path, revision=revision, dtype=torch.float32, trust_remote_code=False, use_safetensors=True,
                output_loading_info=True)
            model, found = loaded
    except UNREAD as error:
        pickled = sorted({file.name for pattern in PICKLED for file in Path(path).glob(pattern)})
        raise ParamsInvalid(
            "has no weights that can be read", where=where, wanted="safetensors that fit its config.json",
            found=f"{', '.join(pickled)}, which may run code when read" if pickled else _said(error),
            next_step="Save the model again with transformers' save_pretrained.") from None
    if found["missing_keys"]:
        raise ParamsInvalid(
            "lacks weights, which would be left to chance", where=where, wanted="all that its config.json asks for",
            found=f"none for {', '.join(sorted(found['missing_keys'])[:3])}",
            next_step="Fetch the model anew, or mend its config.json.")
    return model.eval()


def _refuse_too_small(model: Any, tokenizer: Any, most_tokens: int, where: str) -> None:
    rows, last = model.get_input_embeddings().weight.shape[0], max(tokenizer.get_vocab().values())
    if last >= rows:
        raise ParamsInvalid(
            "has a tokenizer with more tokens than the model has embeddings", where=where,
            wanted=f"token ids below {rows}", found=f"one of {last}",
            next_step="Take the tokenizer that the model was trained with.")
    limit = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    if isinstance(limit, int) and 0 < limit < most_tokens:
        raise ParamsInvalid(
            "reads fewer tokens than a prompt and a response may have", where=where,
            wanted=f"tokens.prompt + tokens.response of at most {limit}", found=str(most_tokens),
            next_step="Lower tokens.prompt or tokens.response, or take a model with a longer context.")


def _name_ends(model: Any, tokenizer: Any) -> None:
    from transformers import GenerationConfig

    ends = end_tokens(model, tokenizer)
    model.generation_config = GenerationConfig(
        bos_token_id=tokenizer.bos_token_id, eos_token_id=ends if len(ends) > 1 else ends[0],
        pad_token_id=tokenizer.pad_token_id)


def _said(error: Exception) -> str:
    """The first sentence of what a library says, on one line."""
    return " ".join(str(error).split()).split(". ")[0][:200] or type(error).__name__
