"""The people of the demo world: writers of any quality, and annotators with noise and a taste of their own."""

import math
from random import Random
from typing import NamedTuple

from tasks.data.demo_judge import judge
from tasks.data.demo_topics import (
    CAUTIONS,
    CLOSINGS,
    GREETINGS,
    LASTS,
    MIDDLES,
    OPENINGS,
    OWNERS,
    POLITE,
    QUESTIONS,
    SINGLE_STARTS,
    SITUATIONS,
    STARTS,
    TOPICS,
    UNSAFE,
    UNSAFE_PHRASES,
    UNSAFE_STARTS,
    VAGUE,
)

ANSWER_WORDS_AT_MOST = 40
UNSAFE_WHEN_INVITED, UNSAFE_UNASKED = 0.8, 0.25  # how often a writer without any safety gives unsafe advice
DAMAGES_AT_MOST = 3  # of a writer without any fluency


class Request(NamedTuple):
    text: str
    topic: str
    advice: str  # the unsafe advice that it invites, or empty


class Writer(NamedTuple):
    """Latent qualities from 0 to 1, drawn for one answer and independent of one another."""

    fluency: float
    richness: float
    relevance: float
    safety: float
    politeness: float  # more words that carry nothing; the judge does not care for it, annotators do


class Annotator(NamedTuple):
    """One who compares. What lies between the taste here and the judge is what over-optimisation exploits."""

    name: str
    noise: float  # scale of logistic noise, in units of the judge's score
    overlooks: float  # how often unsafe advice and repetition go unseen
    likes_word: float  # worth of one word more, whatever it says
    likes_polite: float  # worth of one polite sentence more


ANNOTATORS = tuple(
    Annotator(f"a{number:02}", 0.14 + 0.01 * (number % 4), 0.2 + 0.05 * (number % 5), 0.008, 0.05 + 0.01 * (number % 3))
    for number in range(1, 13))


def draw_writer(random: Random) -> Writer:
    """Draw a writer; on average its answers score a little over one half."""
    return Writer(
        fluency=random.betavariate(2.4, 0.8), richness=random.betavariate(1.6, 0.8),
        relevance=random.betavariate(2.5, 0.5), safety=random.betavariate(2.0, 0.7),
        politeness=random.betavariate(1.0, 1.3))


def compose(request: Request, writer: Writer, random: Random) -> str:
    """Write one answer of at most 40 words to a request, as good as the writer is."""
    unsafe = _unsafe_advice(request, writer, random)
    facts = _pick_facts(request.topic, writer, random)
    opening = random.choice(OPENINGS).format(topic=request.topic)
    if request.advice and not unsafe and random.random() < writer.safety:
        opening = random.choice(CAUTIONS)
    core = [opening, *([join_facts(facts, random)] if facts else []), *unsafe, random.choice(CLOSINGS)]
    polite = random.sample(POLITE, int(3.6 * writer.politeness * random.random() ** 0.5))
    while polite and sum(len(part.split()) for part in core + polite) > ANSWER_WORDS_AT_MOST:
        polite.pop()
    sentences = [sentence.split() for sentence in _with_polite(core, polite, random)]
    return _damage(sentences, writer.fluency, random)


def _unsafe_advice(request: Request, writer: Writer, random: Random) -> list[str]:
    chance = (1 - writer.safety) * (UNSAFE_WHEN_INVITED if request.advice else UNSAFE_UNASKED)
    if random.random() >= chance:
        return []
    return [f"{random.choice(UNSAFE_STARTS)} {request.advice or random.choice(UNSAFE_PHRASES)}"]


def _pick_facts(topic: str, writer: Writer, random: Random) -> list[str]:
    number = min(4, int(3 * writer.richness + 1.2 * random.random()))
    wrong_topic = random.choice([name for name in TOPICS if name != topic])
    right, wrong = (random.sample(TOPICS[name].facts, number) for name in (topic, wrong_topic))
    return [good if random.random() < writer.relevance else bad for good, bad in zip(right, wrong, strict=True)]


def join_facts(facts: list[str], random: Random) -> str:
    """Join facts as the grammar wants it: first ..., then ..., and finally ..."""
    if len(facts) == 1:
        return f"{random.choice(SINGLE_STARTS)} {facts[0]}"
    parts = [random.choice(STARTS), facts[0]]
    middles = random.sample(MIDDLES, len(MIDDLES))
    for place, fact in enumerate(facts[1:-1]):
        parts += [middles[place % len(middles)], fact]
    last = random.choice(LASTS if len(facts) > 2 else (*LASTS, *MIDDLES))
    return " ".join([*parts, last, facts[-1]])


def _with_polite(core: list[str], polite: list[str], random: Random) -> list[str]:
    sentences = list(core)
    for sentence in polite:
        sentences.insert(random.choice((1, len(sentences) - 1)), sentence)
    return sentences


def _damage(sentences: list[list[str]], fluency: float, random: Random) -> str:
    """Break the grammar in a number of places that grows as fluency falls; at fluency 1 in none."""
    for _ in range(int(DAMAGES_AT_MOST * (1 - fluency) + random.random() * min(1.0, 2 * (1 - fluency)))):
        random.choice((_stutter, _swap, _drop, _repeat, _lose_frame))(sentences, random)
    words = " ".join(" ".join(sentence) + "." for sentence in sentences).split()[:ANSWER_WORDS_AT_MOST]
    text = " ".join(words)
    return text.rstrip(".") if random.random() < 0.5 * (0.6 - fluency) else text


def _stutter(sentences: list[list[str]], random: Random) -> None:
    words = random.choice(sentences)
    place = random.randrange(len(words))
    words.insert(place, words[place])


def _swap(sentences: list[list[str]], random: Random) -> None:
    words = random.choice(sentences)
    place = random.randrange(len(words))
    words[place - 1], words[place] = words[place], words[place - 1]


def _drop(sentences: list[list[str]], random: Random) -> None:
    words = random.choice(sentences)
    if len(words) > 1:
        words.pop(random.randrange(len(words)))


def _repeat(sentences: list[list[str]], random: Random) -> None:
    place = random.randrange(len(sentences))
    sentences.insert(place, list(sentences[place]))


def _lose_frame(sentences: list[list[str]], random: Random) -> None:
    if len(sentences) > 1:
        sentences.pop(random.choice((0, -1)))


def choose(annotator: Annotator, request: Request, first: str, second: str, random: Random) -> tuple[str, str]:
    """Return the two answers as the annotator ranks them: (chosen, rejected)."""
    lead = impression(annotator, request, first, random) - impression(annotator, request, second, random)
    draw = random.random()
    noise = annotator.noise * math.log((draw + 1e-12) / (1 - draw + 1e-12))
    return (first, second) if lead + noise > 0 else (second, first)


def impression(annotator: Annotator, request: Request, answer: str, random: Random) -> float:
    """Return what the annotator makes of an answer: the judge's score, and a taste for long and polite ones.

    Now and then the annotator overlooks unsafe advice and sentences that were there before.
    """
    seen = _skimmed(answer) if random.random() < annotator.overlooks else answer
    polite = sum(answer.count(sentence) for sentence in POLITE)
    return (judge(request.text, seen).score + annotator.likes_word * len(answer.split())
            + annotator.likes_polite * polite)


def _skimmed(answer: str) -> str:
    for phrase in UNSAFE_PHRASES:
        answer = answer.replace(phrase, VAGUE[0])
    return ". ".join(dict.fromkeys(answer.split(". ")))


def manual(random: Random) -> str:
    """Write about 25 words for pretraining: what a manual or a report of the help desk would say, no dialogue."""
    writer = draw_writer(random)
    topic = random.choice(list(TOPICS.values()))
    facts = random.sample(topic.facts, random.randint(2, 4))
    report = f"{random.choice(OWNERS)} {topic.name} {random.choice(topic.complaints)} {random.choice(SITUATIONS)}"
    wish = random.choice(UNSAFE)[random.randrange(2)]
    frame = random.choice((
        [report, join_facts(facts, random)],
        [random.choice(OPENINGS).format(topic=topic.name), join_facts(facts, random), random.choice(CLOSINGS)],
        [random.choice(POLITE), join_facts(facts, random), random.choice(VAGUE)],
        [report, random.choice(QUESTIONS), join_facts(facts[:2], random), random.choice(CLOSINGS)],
        [f"{random.choice(GREETINGS)} {report}", wish, random.choice(CAUTIONS), join_facts(facts[:2], random)]))
    return _damage([sentence.split() for sentence in frame], min(1.0, writer.fluency + 0.2), random)
