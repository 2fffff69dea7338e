"""The demo world: a help desk whose writers and annotators are simulated, and whose judge knows the truth.

    python -m tasks.data.demo_world OUT [--seed N]

writes demonstrations, comparisons, held-out prompts, held-out comparisons and text for pretraining. The same seed
gives the same bytes.
"""

import argparse
import gzip
import io
import itertools
import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

from tasks.data.demo_judge import Judgement, judge
from tasks.data.demo_topics import (
    GREETINGS,
    INVITATION,
    OWNERS,
    QUESTIONS,
    SITUATIONS,
    TOPICS,
    UNSAFE,
    UNSAFE_PHRASES,
    vocabulary,
)
from tasks.data.demo_writers import ANNOTATORS, Request, choose, compose, draw_writer, manual

__all__ = ["UNSAFE_PHRASES", "Judgement", "annotator_ceiling", "demo_world", "judge", "vocabulary", "write_demo_world"]

DEMONSTRATIONS, COMPARISONS, HELDOUT_COMPARISONS, HELDOUT_PROMPTS, TEXTS = 10_000, 20_000, 1500, 1200, 6000
TRAINING_PROMPTS = 24_000  # shared between demonstrations and comparisons
RED_TEAM_SHARE = 0.15
PROMPT_WORDS = range(5, 17)

Row = dict[str, str]


class World(NamedTuple):
    """All rows, one list a file."""

    demonstrations: list[Row]
    preferences: list[Row]
    preferences_heldout: list[Row]
    prompts_heldout: list[Row]
    text: list[Row]


def plain_requests() -> list[Request]:
    """Return every plain request that the templates can make, in a fixed order."""
    parts = itertools.product(TOPICS.values(), GREETINGS, OWNERS, SITUATIONS, QUESTIONS)
    requests = []
    for topic, greeting, owner, situation, question in parts:
        for complaint in topic.complaints:
            text = " ".join(f"{greeting} {owner} {topic.name} {complaint} {situation} {question}".split())
            requests.append(Request(text, topic.name, ""))
    return [request for request in requests if len(request.text.split()) in PROMPT_WORDS]


def red_team_requests() -> list[Request]:
    """Return every request that invites unsafe advice, in a fixed order."""
    requests = []
    for topic, greeting, owner, (wish, advice) in itertools.product(TOPICS.values(), GREETINGS, OWNERS, UNSAFE):
        for complaint in topic.complaints:
            text = f"{greeting} {owner} {topic.name} {complaint} {INVITATION} {wish}".strip()
            requests.append(Request(text, topic.name, advice))
    return [request for request in requests if len(request.text.split()) in PROMPT_WORDS]


def demo_world(seed: int) -> World:
    """Make all rows of the world; they depend on nothing but the seed."""
    training, pairs_heldout, prompts_heldout = _draw_requests(
        (TRAINING_PROMPTS, HELDOUT_COMPARISONS, HELDOUT_PROMPTS), Random(f"{seed} requests"))
    return World(
        _demonstrations(training[:DEMONSTRATIONS], Random(f"{seed} demonstrations")),
        _comparisons("pair", training[-COMPARISONS:], Random(f"{seed} comparisons")),
        _comparisons("heldout-pair", pairs_heldout, Random(f"{seed} held-out comparisons")),
        _prompts(prompts_heldout),
        _texts(Random(f"{seed} text")))


def _draw_requests(sizes: Sequence[int], random: Random) -> list[list[Request]]:
    """Draw lists of requests, all different, each in chance order and with the same share of red-team ones."""
    reds = [round(size * RED_TEAM_SHARE) for size in sizes]
    red = iter(random.sample(red_team_requests(), sum(reds)))
    plain = iter(random.sample(plain_requests(), sum(sizes) - sum(reds)))
    parts = [[*itertools.islice(red, few), *itertools.islice(plain, size - few)]
             for size, few in zip(sizes, reds, strict=True)]
    for part in parts:
        random.shuffle(part)
    return parts


def _demonstrations(requests: Sequence[Request], random: Random) -> list[Row]:
    return [{"id": f"demo-{number:05}", "topic": request.topic, "prompt": request.text,
             "response": compose(request, draw_writer(random), random)} for number, request in enumerate(requests)]


def _comparisons(name: str, requests: Sequence[Request], random: Random) -> list[Row]:
    rows = []
    for number, request in enumerate(requests):
        first = second = compose(request, draw_writer(random), random)
        while second == first:
            second = compose(request, draw_writer(random), random)
        annotator = random.choice(ANNOTATORS)
        chosen, rejected = choose(annotator, request, first, second, random)
        rows.append({"id": f"{name}-{number:05}", "topic": request.topic, "prompt": request.text,
                     "chosen": chosen, "rejected": rejected, "annotator": annotator.name})
    return rows


def _prompts(requests: Sequence[Request]) -> list[Row]:
    return [{"id": f"ask-{number:05}", "topic": request.topic, "prompt": request.text,
             "slice": "red_team" if request.advice else "plain"} for number, request in enumerate(requests)]


def _texts(random: Random) -> list[Row]:
    seen: dict[str, None] = {}
    while len(seen) < TEXTS:
        seen[manual(random)] = None
    return [{"id": f"text-{number:05}", "text": text} for number, text in enumerate(seen)]


def annotator_ceiling(pairs: Iterable[Mapping[str, str]]) -> float:
    """Return the accuracy on these labels of a model that knows the judge's score of every answer.

    Args:
        pairs: rows with `prompt`, `chosen`, `rejected`. A tie of scores counts one half. A reward model that learns
            the annotators' taste besides may come out above it.

    Raises:
        ValueError: there is no pair.
    """
    hits = []
    for pair in pairs:
        chosen, rejected = (judge(pair["prompt"], pair[side]).score for side in ("chosen", "rejected"))
        hits.append(0.5 if chosen == rejected else float(chosen > rejected))
    if not hits:
        raise ValueError("no pairs: the agreement of annotators and judge is not defined")
    return math.fsum(hits) / len(hits)


def write_demo_world(folder: Path, seed: int) -> dict[str, int]:
    """Write every file of the world into `folder`, made if missing; return bytes by file name."""
    folder.mkdir(parents=True, exist_ok=True)
    sizes = {}
    for name, rows in demo_world(seed)._asdict().items():
        path = folder / f"{name}.jsonl.gz"
        path.write_bytes(_packed(rows))
        sizes[path.name] = path.stat().st_size
    return sizes


def _packed(rows: Iterable[Row]) -> bytes:
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=buffer, mtime=0) as packed:
        packed.write(lines.encode("utf-8"))  # gzip.compress would write a header that differs between Pythons
    return buffer.getvalue()


def _mean_score(rows: Sequence[Row]) -> str:
    answers = [(row["prompt"], row[side]) for row in rows for side in ("response", "chosen", "rejected") if side in row]
    return f"{math.fsum(judge(*pair).score for pair in answers) / len(answers):.3f}" if answers else "-"


def _print_table(folder: Path, sizes: Mapping[str, int]) -> None:
    print(f"{'file':<28}{'rows':>7}{'bytes':>10}{'judge':>8}{'agreement':>11}")
    for name, size in sizes.items():
        rows = [json.loads(line) for line in gzip.decompress((folder / name).read_bytes()).splitlines()]
        agreement = f"{annotator_ceiling(rows):.3f}" if "chosen" in rows[0] else "-"
        print(f"{name:<28}{len(rows):>7}{size:>10}{_mean_score(rows):>8}{agreement:>11}")
    print(f"{'together':<35}{sum(sizes.values()):>10}")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tasks.data.demo_world", description="Write the demo world's data.")
    parser.add_argument("folder", type=Path, metavar="OUT", help="folder to write into")
    parser.add_argument("--seed", type=int, default=7, help="another seed gives another world (default 7)")
    options = parser.parse_args(arguments)
    _print_table(options.folder, write_demo_world(options.folder, options.seed))
    return 0


if __name__ == "__main__":
    sys.exit(main())
