"""The tokenizer that a base model brings."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tasks.contracts.errors import ParamsInvalid

# for base models without a template of their own: the prompt, a line feed, the response
PLAIN_TEMPLATE = (
    "{% for message in messages %}{{ message['content'] }}{% if message['role'] == 'assistant' %}{{ eos_token }}"
    "{% else %}{{ '\\n' }}{% endif %}{% endfor %}")

TEMPLATE_DAY = datetime(2024, 7, 26, tzinfo=UTC)  # what Llama 3's own template falls back to

_TODAY = re.compile(r"""\bstrftime_now\(\s*(["'])(.*?)\1\s*\)""")


def load_base_tokenizer(path: str, revision: str | None = None) -> Any:
    """Load the tokenizer of a base model, completed where it lacks something; its code is never run.

    Without a pad token the end token pads; without a chat template the layout is PLAIN_TEMPLATE. A chat template that
    asks for today's date gets TEMPLATE_DAY for good: what is made of the model reads the same prompt on every day.

    Args:
        path: a folder or a hub name.
        revision: branch, tag or commit of a hub name; None: the main branch.

    Raises:
        ParamsInvalid: there is no tokenizer, or it has no end token, without which no response could end.
    """
    from transformers import AutoTokenizer

    where = f"base.path={path}"
    try:
        tokenizer = AutoTokenizer.from_pretrained(path, revision=revision, trust_remote_code=False)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise _without_tokenizer(path, " ".join(str(error).split()).split(". ")[0][:200]) from None
    if len(tokenizer) <= len(tokenizer.added_tokens_decoder):  # transformers makes an empty one where files are missing
        raise _without_tokenizer(path, "no entry but special tokens")
    if tokenizer.eos_token_id is None:
        raise ParamsInvalid("has a tokenizer without an end token", where=where, wanted="an eos_token",
                            next_step="Name one in its tokenizer_config.json.")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    if not tokenizer.chat_template:
        begins = tokenizer.bos_token_id is not None and tokenizer("a")["input_ids"][:1] == [tokenizer.bos_token_id]
        tokenizer.chat_template = ("{{ bos_token }}" if begins else "") + PLAIN_TEMPLATE
    elif isinstance(tokenizer.chat_template, str):  # a dict of them where the model has several
        tokenizer.chat_template = _TODAY.sub(lambda asked: repr(TEMPLATE_DAY.strftime(asked[2])),
                                             tokenizer.chat_template)
    return tokenizer


def _without_tokenizer(path: str, found: str) -> ParamsInvalid:
    if Path(path).is_dir():
        return ParamsInvalid("has no tokenizer that transformers can load", where=f"base.path={path}", found=found,
                             wanted="a tokenizer.json", next_step="Put the model's tokenizer into its folder.")
    return ParamsInvalid(
        "is no folder here, and no tokenizer of that name can be fetched", where=f"base.path={path}", found=found,
        wanted="a folder of a causal language model, or the hub name of one",
        next_step="Mend base.path, or fetch the model with `hf download` where there is a network.")
