"""Stage: policy and SFT model -> evidence. The only stage that asks the judge."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from tasks.contracts.canonical import file_sha256, folder_digest
from tasks.contracts.config import Params
from tasks.contracts.evidence import Evidence, Metric
from tasks.contracts.inputs import checkpoint_folder
from tasks.contracts.measured_on import FILES, Ground
from tasks.contracts.places import EVIDENCE, POLICY, PREPARED, SFT
from tasks.contracts.reporting import Sink
from tasks.data.preparing.batches import read_shard
from tasks.data.preparing.tokenizer import prompt_ids
from tasks.gates.measures import Measures, several, win_points
from tasks.gates.of_answers import Answers, against_sft, fairness, safety
from tasks.gates.of_labels import of_labels
from tasks.gates.of_reward_model import of_reward_model
from tasks.gates.of_rounds import of_rounds
from tasks.models.folders import load_tokenizer
from tasks.models.scoring import Reference
from tasks.rewards.best_of import smallest_n
from tasks.rewards.composed import ComposedReward
from tasks.rewards.samples import Samples
from tasks.rewards.scale import RewardScale
from tasks.rewards.wording import safety as is_safe
from tasks.rl.kl import best_of_n_kl
from tasks.train_policy import composed_reward
from tasks.train_reward import label_scores, load_members, margins, new_scorer, read_scale
from tasks.training.answering import Answerer
from tasks.training.best_answers import best_of_n_answers
from tasks.training.determinism import settle
from tasks.training.devices import pick_device
from tasks.training.feedback import Feedback, Row, teach
from tasks.training.judged_rounds import judge_rounds, write_rounds
from tasks.training.judging import Judge, RewardModelJudge, demo_world_judge
from tasks.training.measuring import demonstration_nats, log_ratios, paid_for
from tasks.training.players import Prompt
from tasks.training.prompts import heldout_prompts, prompts_of
from tasks.training.side_by_side import write_samples


def evaluate(params: Params, sink: Sink) -> Mapping[str, float]:
    """Write build/evidence: evidence.json, samples.json and rounds.csv. Returns each metric's value."""
    settle(params.seed, threads=params.threads)
    EVIDENCE.mkdir(parents=True, exist_ok=True)
    judge, device = judge_of(params, sink), pick_device(params.device)
    sft, policy = Answerer(SFT, device), Answerer(POLICY, device)
    reference = Reference(sft.model, temperature=params.tokens.temperature)
    reward = composed_reward(params, reference, sft.tokenizer, device)
    sink.note("answering held-out prompts with the SFT model and the policy")
    answered = {"sft": answers_of(sft, params), "policy": answers_of(policy, params)}
    counted = {who: count(samples, judge(samples), params, reward) for who, samples in answered.items()}
    kl_nats = log_ratios(policy, reference, answered["policy"])
    sink.note("judging the rounds of the training, measuring reward model and perplexity")
    rounds = read_shard(FILES["rounds"])
    asked = heldout_prompts(len(rounds[0]["responses"]))
    judge_rounds(rounds, asked, policy.tokenizer, judge, device)
    drop, curve = of_rounds(measures_of("rounds", params), rounds, [prompt.text for prompt in asked])
    evidence = Evidence(candidate=folder_digest(POLICY), confidence=params.evaluate.confidence, metrics=(
        *reward_model_metrics(params, device),
        *policy_metrics(params, counted["policy"], counted["sft"], kl_nats),
        *drop,
        *best_of_n_metrics(params, counted["policy"].scores, judge, sft, reward, sum(kl_nats) / len(kl_nats)),
        *perplexity_metrics(params, policy, sft)))
    (EVIDENCE / "evidence.json").write_text(evidence.model_dump_json(), encoding="utf-8")
    write_samples(EVIDENCE / "samples.json", answered, {who: one.scores for who, one in counted.items()},
                  params.evaluate.samples)
    write_rounds(EVIDENCE / "rounds.csv", rounds, curve)
    return {metric.name: metric.value for metric in evidence.metrics}


def judge_of(params: Params, sink: Sink) -> Judge:
    """The judge that params.yaml names; a reward model of its own is trained on feedback kept for it alone."""
    if params.evaluate.judge.kind == "demo_world":
        return demo_world_judge
    sink.note("training the judge on the feedback kept for it")
    scorer, tokenizer = new_scorer(params, pick_device(params.device)), load_tokenizer(PREPARED / "tokenizer")
    teach(scorer, Feedback.read("judge"), params.reward_model, pad=tokenizer.pad_token_id, seed=params.seed + 1,
          sink=sink, checkpoints=checkpoint_folder("evaluate"), what="evaluate: judge")
    return RewardModelJudge(scorer)


def answers_of(model: Answerer, params: Params) -> Samples:
    """The model's answers to the held-out prompts."""
    return model.answer(prompts_of("test")[: params.evaluate.prompts], most_tokens=params.tokens.response,
                        temperature=params.tokens.temperature, seed=params.seed)


def answer(folder: Path, texts: Sequence[str], params: Params) -> list[str]:
    """Answer prompts given as text; for smoke prompts and people who want to try a model."""
    model = Answerer(folder, pick_device(params.device))
    prompts = [Prompt(prompt_ids(model.tokenizer, text, params.tokens.prompt), text) for text in texts]
    return model.answer(prompts, most_tokens=params.tokens.response, temperature=params.tokens.temperature,
                        seed=params.seed).answers


def count(samples: Samples, scores: Sequence[float], params: Params, reward: ComposedReward | None = None) -> Answers:
    """What answers came to, as numbers; what they are paid where there is a reward."""
    paid, parts = paid_for(reward, samples) if reward else ([], {})
    return Answers(
        texts=samples.answers, scores=scores, tokens=samples.sequences.response_lengths.tolist(), paid=paid,
        parts=parts, safe=[is_safe(text, params.reward.unsafe_phrases) for text in samples.answers])


def measures_of(ground: Ground, params: Params) -> Measures:
    """What makes metrics of numbers that were measured on a file."""
    return Measures(file_sha256(FILES[ground]), params.evaluate, params.seed)


def heldout_rows(params: Params) -> list[Row]:
    """What is known of the held-out prompts, in their order."""
    return read_shard(FILES["prompts"])[: params.evaluate.prompts]


def red_team(rows: Sequence[Row]) -> list[int]:
    """The rows of prompts that ask for something unsafe."""
    return [place for place, row in enumerate(rows) if row.get("slice") == "red_team"]


def policy_metrics(params: Params, policy: Answers, sft: Answers, kl_nats: Sequence[float]) -> list[Metric]:
    """What the policy's answers are, beside those of the SFT model to the same prompts."""
    measure, rows = measures_of("prompts", params), heldout_rows(params)
    columns: dict[str, list[str | None]] = {
        name: [row.get(name) for row in rows] for name in params.evaluate.slices}
    return [*against_sft(measure, policy, sft, kl_nats), *safety(measure, policy, sft, red_team(rows)),
            *fairness(measure, policy, columns)]


def reward_model_metrics(params: Params, device: torch.device) -> list[Metric]:
    """How well the reward model tells held-out answers apart, those that were compared and those that were labelled."""
    tokenizer, scale = load_tokenizer(PREPARED / "tokenizer"), read_scale()
    train, test = Feedback.read("train"), Feedback.read("test")
    scorers = load_members(len(scale.members), device)
    found: list[Metric] = []
    if test.comparisons:
        above = margins(scorers, scale, test.comparisons, params, tokenizer)
        found += comparison_metrics(params, train.comparisons, test.comparisons, above, scale, tokenizer)
    if test.labels:
        scores = label_scores(scorers, scale, test.labels, params, tokenizer)
        found += label_metrics(params, train.labels, test.labels, scores, tokenizer)
    return found


def comparison_metrics(params: Params, train: Sequence[Row], test: Sequence[Row], margins: Sequence[float],
                       scale: RewardScale, tokenizer) -> list[Metric]:
    """The reward model on held-out comparisons, beside baselines that need no model."""
    unit = sum(member.deviation for member in scale.members) / len(scale.members)  # of the scores that were trained
    learnt, asked = ([tuple(tokenizer.batch_decode([row["chosen"], row["rejected"]], skip_special_tokens=True))
                      for row in rows] for rows in (train, test))
    return of_reward_model(
        measures_of("comparisons", params), [unit * margin for margin in margins],
        [len(row["chosen"]) - len(row["rejected"]) for row in test], learnt, asked,
        [tuple(row["prompt"]) for row in test])


def label_metrics(params: Params, train: Sequence[Row], test: Sequence[Row], scores: Sequence[float],
                  tokenizer) -> list[Metric]:
    """The reward model on held-out labelled answers, beside the same baselines."""
    learnt, asked = ([(tokenizer.decode(row["response"], skip_special_tokens=True), row["good"]) for row in rows]
                     for rows in (train, test))
    return of_labels(measures_of("labels", params), scores, learnt, asked, [tuple(row["prompt"]) for row in test])


def best_of_n_metrics(params: Params, scores: Sequence[float], judge: Judge, sft: Answerer, reward: ComposedReward,
                      kl_nats: float) -> list[Metric]:
    """The policy against the best of n answers of the SFT model, with n such that both are as far from it."""
    asked, n = params.evaluate.best_of_prompts, min(max(2, smallest_n(kl_nats)), params.evaluate.best_of_most)
    if not asked:
        return []
    measure = measures_of("prompts", params)
    best = judge(best_of_n_answers(
        sft, prompts_of("test")[:asked], reward, n=n, most_tokens=params.tokens.response,
        temperature=params.tokens.temperature, seed=params.seed + 1))
    return [measure.rate("policy_vs_best_of_n_win_rate", win_points(scores[:asked], best)),
            measure.mean("judge_score_best_of_n", best), measure.mean("best_of_n", [float(n)] * asked),
            measure.mean("best_of_n_kl_nats", [best_of_n_kl(n)] * asked)]


def perplexity_metrics(params: Params, policy: Answerer, sft: Answerer) -> list[Metric]:
    """How likely held-out demonstrations are to both models: what the policy forgot of what SFT had learned."""
    measure = measures_of("demonstrations", params)
    rows = read_shard(FILES["demonstrations"])[: params.evaluate.prompts]
    tokens, prompts = [float(len(row["response"])) for row in rows], [tuple(row["prompt"]) for row in rows]
    if not several(prompts):
        return []
    ours, theirs = demonstration_nats(policy, rows), demonstration_nats(sft, rows)
    return [measure.perplexity("perplexity", ours, tokens, prompts),
            measure.perplexity("perplexity_sft", theirs, tokens, prompts),
            measure.perplexity("perplexity_ratio", [one - two for one, two in zip(ours, theirs, strict=True)], tokens,
                               prompts)]


if __name__ == "__main__":
    from tasks import stage

    stage.main(evaluate)
