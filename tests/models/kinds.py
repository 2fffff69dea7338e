"""Tiny base models of the kinds that people bring, written by transformers itself, each with a tokenizer of its kind.

Weights are random and a few thousand; what differs is what differs between the real ones: tied embeddings or not, a pad
token or not, a chat template or not, how words become tokens, and what else lies in the folder.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

TEXTS = ["how do I mend a kettle or lamps", "Tell me about the boat, part 7.", "Take number 3 and begin by hand."] * 9
CHAT = (
    "{% if messages[0]['role'] != 'system' %}<|im_start|>system\nYou help.<|im_end|>\n{% endif %}"
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}")
SHAPE = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
         "max_position_embeddings": 128, "initializer_range": 0.1}
LLAMA = SHAPE | {"num_key_value_heads": 2}
GPT2 = {"n_embd": 16, "n_layer": 2, "n_head": 4, "n_positions": 128, "initializer_range": 0.1}


def gpt2_tokenizer() -> Any:
    """Byte-level, one special token for begin, end and all else, and no pad token."""
    bpe = _byte_level(["<|endoftext|>"])
    return _fast(bpe, bos_token="<|endoftext|>", eos_token="<|endoftext|>", unk_token="<|endoftext|>")


def neox_tokenizer() -> Any:
    """As GPT-2's, with a pad token that is no end token."""
    return _fast(_byte_level(["<|endoftext|>", "<|padding|>"]), bos_token="<|endoftext|>", eos_token="<|endoftext|>",
                 pad_token="<|padding|>")


def llama_tokenizer() -> Any:
    """Pieces with a mark for the space before them, bytes for what is no piece, and a begin token before every text."""
    bpe = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    bpe.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    bpe.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
                                     decoders.Strip(" ", 1, 0)])
    bpe.train_from_iterator(TEXTS, trainers.BpeTrainer(
        vocab_size=360, show_progress=False,
        special_tokens=["<unk>", "<s>", "</s>", "<pad>", *(f"<0x{byte:02X}>" for byte in range(256))]))
    bpe.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return _fast(bpe, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="<pad>")


def qwen_tokenizer() -> Any:
    """Byte-level with a split by letters and digits, a chat template with a system's turn, no begin token."""
    bpe = _byte_level(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    bpe.normalizer = normalizers.NFC()
    bpe.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(r"\p{N}|[^\r\n\p{L}\p{N}]?\p{L}+| ?[^\s\p{L}\p{N}]+|\s+"), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    return _fast(bpe, eos_token="<|im_end|>", pad_token="<|endoftext|>", extra_special_tokens=["<|im_start|>"],
                 chat_template=CHAT)


@dataclass(frozen=True)
class Kind:
    """How one kind is made.

    Attributes:
        spare: embeddings beyond the tokenizer's entries.
        saved: further arguments of save_pretrained.
        ends: end tokens of the folder's generation_config.json; none: what transformers writes by itself.
    """

    model_type: str
    tokenizer: Callable[[], Any]
    shape: dict[str, Any]
    tied: bool
    spare: int = 0
    dtype: torch.dtype = torch.float32
    saved: dict[str, Any] = field(default_factory=dict)
    ends: tuple[str, ...] = ()

    def model(self, tokenizer: Any) -> Any:
        """The model with random weights, in eval mode."""
        torch.manual_seed(0)
        config = transformers.AutoConfig.for_model(
            self.model_type, vocab_size=len(tokenizer) + self.spare, tie_word_embeddings=self.tied,
            bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id, **self.shape)
        return transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32).to(self.dtype).eval()

    def written(self, folder: Path) -> Path:
        """Write model and tokenizer, and return the folder."""
        tokenizer = self.tokenizer()
        model = self.model(tokenizer)
        if self.ends:
            model.generation_config.update(
                eos_token_id=tokenizer.convert_tokens_to_ids(list(self.ends)), do_sample=True, temperature=0.6)
        model.save_pretrained(folder, **self.saved)
        tokenizer.save_pretrained(folder)
        return folder


KINDS = {
    "gpt2": Kind("gpt2", gpt2_tokenizer, GPT2, tied=True),
    "llama": Kind("llama", llama_tokenizer, LLAMA, tied=False),
    "qwen3": Kind("qwen3", qwen_tokenizer, LLAMA | {"head_dim": 8}, tied=True),
    "gpt_neox": Kind("gpt_neox", neox_tokenizer, SHAPE, tied=False),
    "qwen2": Kind("qwen2", qwen_tokenizer, LLAMA, tied=True),
    "mistral, in shards": Kind("mistral", llama_tokenizer, LLAMA | {"sliding_window": 12}, tied=False,
                               saved={"max_shard_size": "20KB"}),
    "gemma, more embeddings than tokens": Kind("gemma", llama_tokenizer, LLAMA | {"head_dim": 8}, tied=True, spare=19),
    "phi, in bf16": Kind("phi", neox_tokenizer, SHAPE, tied=False, dtype=torch.bfloat16),
    "llama, of several end tokens": Kind("llama", qwen_tokenizer, LLAMA, tied=True,
                                         ends=("<|im_end|>", "<|endoftext|>")),
    "opt": Kind("opt", neox_tokenizer, {
        "hidden_size": 16, "word_embed_proj_dim": 16, "ffn_dim": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
        "max_position_embeddings": 128, "init_std": 0.1}, tied=True),
    "bloom": Kind("bloom", neox_tokenizer, {"hidden_size": 16, "n_layer": 2, "n_head": 4, "initializer_range": 0.1},
                  tied=True),
    "cohere, scores scaled": Kind("cohere", qwen_tokenizer, LLAMA | {"logit_scale": 4.0}, tied=True),
    "granite, scores divided": Kind("granite", neox_tokenizer, LLAMA | {"logits_scaling": 0.25}, tied=True),
    "gemma2, scores capped": Kind("gemma2", llama_tokenizer, LLAMA | {
        "head_dim": 8, "final_logit_softcapping": 0.5, "sliding_window": 12}, tied=True),
    "mixtral": Kind("mixtral", llama_tokenizer, LLAMA | {"num_local_experts": 2}, tied=False),
}


def _byte_level(special: list[str]) -> Tokenizer:
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    bpe.train_from_iterator(TEXTS, trainers.BpeTrainer(
        vocab_size=320, special_tokens=special, show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet())))
    return bpe


def _fast(tokenizer: Tokenizer, **settings: Any) -> Any:
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, clean_up_tokenization_spaces=False, **settings)


def in_hub_cache(cache: Path, name: str, commits: dict[str, str]) -> None:
    """Lay down kinds as the commits of a hub name, commit -> kind, the last one as its main branch."""
    place = cache / f"models--{name.replace('/', '--')}"
    for commit, kind in commits.items():
        KINDS[kind].written(place / "snapshots" / commit)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text(list(commits)[-1])
