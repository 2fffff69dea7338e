"""A tokenizer that is trained here; and how prompts and responses are laid out as tokens."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from tasks.contracts.data_config import TokensConfig
from tasks.contracts.errors import ParamsInvalid
from tasks.data.preparing.cutting import last_part

PAD, BEGIN, END, USER, ASSISTANT = SPECIAL_TOKENS = ("<pad>", "<bos>", "<eos>", "<user>", "<assistant>")  # ids 0 to 4

CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'assistant' %}<assistant>"
    "{{ message['content'] }}{{ eos_token }}{% else %}<user>{{ message['content'] }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}")

_PLACE = "\ue000PROMPT\ue001"  # where the prompt goes; private use, so that no template holds it


def train_tokenizer(texts: Iterable[str], tokens: TokensConfig) -> Any:
    """Train byte-level BPE and return it as a transformers tokenizer.

    Sennrich et al. 2016, arXiv:1508.07909, over bytes as in GPT-2. Every byte is an entry, so any UTF-8 text is
    encoded without unknown tokens and decoded to itself. The same texts give the same bytes on disk.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    bpe.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=tokens.vocabulary, special_tokens=list(SPECIAL_TOKENS), show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet())))
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe, pad_token=PAD, bos_token=BEGIN, eos_token=END, extra_special_tokens=[USER, ASSISTANT],
        chat_template=CHAT_TEMPLATE, model_max_length=tokens.prompt + tokens.response, padding_side="left",
        clean_up_tokenization_spaces=False)


class Frame(NamedTuple):
    """The tokens of the chat template around a prompt."""

    before: list[int]
    after: list[int]


def frame_of(tokenizer: Any) -> Frame:
    """Render the chat template with one user turn and encode what stands before and after it."""
    rendered = tokenizer.apply_chat_template(
        [{"role": "user", "content": _PLACE}], tokenize=False, add_generation_prompt=True)
    before, place, after = rendered.partition(_PLACE)
    if not place:
        raise ParamsInvalid("the chat template leaves the user's turn out", where="base.path")
    return Frame(tokenizer(before, add_special_tokens=False)["input_ids"], _behind_prompt(tokenizer, after))


def _behind_prompt(tokenizer: Any, after: str) -> list[int]:
    """Encode what follows a prompt as it is encoded there: alone, some tokenizers would put a space before it."""
    place, both = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in (_PLACE, _PLACE + after))
    ids: list[int] = (both[len(place):] if both[:len(place)] == place else
                      tokenizer(after, add_special_tokens=False)["input_ids"])
    return ids


class Layout:
    """How rows become tokens. Text is only text: `<eos>` typed by a user is not the end token."""

    def __init__(self, tokenizer: Any, tokens: TokensConfig):
        self.frame = frame_of(tokenizer)
        self._room = _room(self.frame, tokens.prompt)
        self._tokenizer, self._tokens = tokenizer, tokens
        self.prompts_laid = self.prompts_cut = self.responses_laid = self.responses_cut = 0

    def prompts(self, texts: Sequence[str]) -> list[list[int]]:
        """Template, prompt, template: at most tokens.prompt; longer prompts lose their beginning, not the template."""
        contents = plain_ids(self._tokenizer, texts)
        self.prompts_laid += len(contents)
        self.prompts_cut += sum(len(content) > self._room for content in contents)
        return [_framed(self._tokenizer, self.frame, text, content, self._room)
                for text, content in zip(texts, contents, strict=True)]

    def responses(self, texts: Sequence[str]) -> list[list[int]]:
        """Response and end token: at most tokens.response; a longer response is cut and has no end token."""
        ended = [[*ids, self._tokenizer.eos_token_id] for ids in plain_ids(self._tokenizer, texts)]
        self.responses_laid += len(ended)
        self.responses_cut += sum(len(ids) > self._tokens.response for ids in ended)
        return [ids[:self._tokens.response] for ids in ended]

    def passages(self, texts: Sequence[str]) -> list[list[list[int]]]:
        """For pretraining: begin token, text, end token, in pieces that fit prompt and response together."""
        begin = [] if self._tokenizer.bos_token_id is None else [self._tokenizer.bos_token_id]
        most = self._tokens.prompt + self._tokens.response
        whole = [[*begin, *ids, self._tokenizer.eos_token_id] for ids in plain_ids(self._tokenizer, texts)]
        return [[ids[start:start + most] for start in range(0, len(ids) - 1, most)] for ids in whole]


def prompt_ids(tokenizer: Any, text: str, most_tokens: int) -> list[int]:
    """One prompt as Layout lays it out, for a tokenizer that was saved beside a model."""
    frame = frame_of(tokenizer)
    return _framed(tokenizer, frame, text, plain_ids(tokenizer, [text])[0], _room(frame, most_tokens))


def plain_ids(tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
    """Encode texts without adding tokens and without reading special tokens out of them."""
    if not texts:
        return []
    return tokenizer(list(texts), add_special_tokens=False, split_special_tokens=True, return_attention_mask=False,
                     verbose=False)["input_ids"]


def _framed(tokenizer: Any, frame: Frame, text: str, content: list[int], room: int) -> list[int]:
    return frame.before + (content if len(content) <= room else last_part(tokenizer, text, room)) + frame.after


def _room(frame: Frame, most_tokens: int) -> int:
    room = most_tokens - len(frame.before) - len(frame.after)
    if room < 1:
        raise ParamsInvalid("leaves no room for the prompt beside the chat template",
                            where=f"tokens.prompt={most_tokens}", wanted=f"at least {most_tokens - room + 1}")
    return room
