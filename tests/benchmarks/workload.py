"""The work that engines are timed on: random models of one shape, random prompts, responses of a known mean length.

Everything is a function of the flags, so two engines that are given the same flags get the same weights and prompts.
One PPO update samples `batch` responses, scores them with the reward model, values them with the critic, and takes
`epochs` passes over them in `minibatches` parts; policy and critic both learn. Only the arithmetic is timed: with
random weights there is nothing to learn.
"""

import argparse
import json
import math
import resource
import statistics
import time
from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM, LlamaForSequenceClassification, PreTrainedModel

PAD, BEGIN, END = 0, 1, 2
FIRST_WORD = 3  # token ids from here on have no meaning of their own
LEARNING_RATE = 1e-5
NEVER = 1e-9  # probability of the end token where no mean response length is asked for
SIZES = {
    "hidden": 128, "layers": 4, "heads": 4, "vocab": 1024, "prompt": 32, "response": 48, "batch": 64,
    "minibatches": 4, "epochs": 4, "updates": 6, "threads": 2, "seed": 0}


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser of the workload's flags."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, size in SIZES.items():
        made.add_argument(f"--{name}", type=int, default=size)
    made.add_argument("--mean-response", type=float, help="responses end by chance, after this many tokens on average")
    made.add_argument("--temperature", type=float, default=0.7,
                      help="of sampling in PPO; 0.7 is the peer's default, with which responses are shorter than asked")
    made.add_argument("--bf16", action="store_true", help="weights in bfloat16")
    return made


def shape(flags: argparse.Namespace) -> LlamaConfig:
    """Return the one configuration that all models of the work have."""
    config = LlamaConfig(
        vocab_size=flags.vocab, hidden_size=flags.hidden, intermediate_size=flags.hidden * 8 // 3 // 8 * 8,
        num_hidden_layers=flags.layers, num_attention_heads=flags.heads, num_key_value_heads=flags.heads,
        max_position_embeddings=2048, tie_word_embeddings=False,
        pad_token_id=PAD, bos_token_id=BEGIN, eos_token_id=END)
    config.num_labels = 1
    return config


def models(flags: argparse.Namespace) -> tuple[PreTrainedModel, ...]:
    """Return policy, reference with the policy's weights, reward model and critic, in evaluation mode."""
    torch.manual_seed(flags.seed)
    policy = LlamaForCausalLM(shape(flags))
    hold_end_logit(policy, 1 / flags.mean_response if flags.mean_response else NEVER)
    reference = LlamaForCausalLM(shape(flags))
    reference.load_state_dict(policy.state_dict())
    scorers = [LlamaForSequenceClassification(shape(flags)) for _ in ("reward model", "critic")]
    number_format = torch.bfloat16 if flags.bf16 else torch.float32
    return tuple(model.to(number_format).eval() for model in (policy, reference, *scorers))


@torch.no_grad()
def hold_end_logit(policy: LlamaForCausalLM, probability: float) -> None:
    """Give the end token about this probability at every place, whatever was said before.

    Dimension 0 of the residual stream starts at 1 and no block writes to it. The end token's row of the output layer
    reads that dimension alone, the other tokens' rows do not read it; what they score averages to about 0.
    """
    body, head = policy.model, policy.lm_head.weight
    body.embed_tokens.weight[:, 0] = 1
    for block in body.layers:
        for writer in (block.self_attn.o_proj, block.mlp.down_proj):
            writer.weight[0] = 0
    head[:, 0] = 0
    head[END] = 0
    probe = torch.arange(FIRST_WORD, FIRST_WORD + 32)[None]
    size_after_norm = body(input_ids=probe).last_hidden_state[..., 0].mean()
    odds = probability / (1 - probability) * (len(head) - 1)
    head[END, 0] = math.log(odds) / size_after_norm


def prompts(flags: argparse.Namespace) -> Tensor:
    """Return token ids, int64 [batch * (updates + 1), prompt], without special tokens."""
    source = torch.Generator().manual_seed(flags.seed + 1)
    return torch.randint(
        FIRST_WORD, flags.vocab, (flags.batch * (flags.updates + 1), flags.prompt), generator=source)


def rows(flags: argparse.Namespace, answers: tuple[str, ...]) -> list[dict[str, list[int]]]:
    """Return batch * updates rows of token ids: a prompt, and one response under each name of `answers`.

    Responses are `response` tokens long, or end by chance after --mean-response tokens on average; the last token of
    each is the end token.
    """
    source = torch.Generator().manual_seed(flags.seed + 2)
    made = []
    for prompt in prompts(flags)[: flags.batch * flags.updates].tolist():
        made.append({"prompt": prompt})
        for answer in answers:
            length = flags.response
            if flags.mean_response:
                chance = torch.rand((), generator=source, dtype=torch.float64).item()
                length = min(length, 1 + int(math.log1p(-chance) / math.log1p(-1 / flags.mean_response)))
            words = torch.randint(FIRST_WORD, flags.vocab, (length - 1,), generator=source)
            made[-1][answer] = [*words.tolist(), END]
    return made


class Clock:
    """Notes when work began and when each step ended; a sink (tasks.contracts.reporting) for our own loops."""

    def __init__(self) -> None:
        self._moments: list[tuple[float, float]] = []

    def note_moment(self) -> None:
        """The moment is now, with the device's work done."""
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self._moments.append((time.perf_counter(), time.process_time()))

    def begin(self, steps: int, unit: str = "steps") -> None:
        self.note_moment()

    def step(self, step: int, numbers: Mapping[str, float]) -> None:
        self.note_moment()

    def note(self, text: str) -> None:
        pass

    def between(self) -> float:
        """Seconds by the wall clock from the first moment to the last."""
        return self._moments[-1][0] - self._moments[0][0]

    def seconds(self) -> tuple[list[float], list[float]]:
        """Of each step but the first, which warms up: by the wall clock, and on all processors together."""
        steps = list(pairwise(self._moments))[1:]
        wall, processors = ([later[kind] - earlier[kind] for earlier, later in steps] for kind in (0, 1))
        return wall, processors


def peak_rss_mib() -> int:
    """Return the largest resident memory of this process so far, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def result(engine: str, clock: Clock, flags: argparse.Namespace, *, items: int, item: str, step: str,
           parameters: int, **more: object) -> str:
    """Return one JSON object about the steps that a clock timed.

    Args:
        items, item: how many of what one step handles.
        step: what a step is called.
        more: further numbers.
    """
    wall, processors = clock.seconds()
    median = statistics.median(wall)
    cuda = torch.cuda.is_available()
    return json.dumps({
        "engine": engine, f"seconds_per_{step}": round(median, 4), f"{item}s_per_second": round(items / median, 3),
        f"{step}s_timed": len(wall), "peak_rss_mib": peak_rss_mib(),
        "peak_gpu_mib": torch.cuda.max_memory_allocated() // 2**20 if cuda else None, "parameters": parameters,
        "fastest_seconds": round(min(wall), 4), "processor_seconds": round(statistics.median(processors), 4), **more,
        "workload": vars(flags)})
