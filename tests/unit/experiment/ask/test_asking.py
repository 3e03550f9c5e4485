"""Requests: draws that depend on nothing else, and what a reply is found again by."""

from dataclasses import replace

from kamerton.client.connection import Endpoint, Model
from kamerton.client.ledger import request_key
from kamerton.experiment.ask.asking import Prompt, SamplingParams, request

THERE = Model(Endpoint("http://127.0.0.1:9/v1"), "m", "weights1")


def key(
    prompt: Prompt, sampling: SamplingParams, sample: int, fingerprint: str = "weights1"
) -> str:
    return request_key(fingerprint, request(THERE, prompt, sampling, sample))


def test_draws_depend_on_seed_question_and_number_alone() -> None:
    def seed(id: str, sampling: SamplingParams, sample: int) -> object:
        return request(THERE, Prompt(id, "text"), sampling, sample)["seed"]

    sampling = SamplingParams(4, 0.7)
    seeds = {seed(id, replace(sampling, seed=s), i) for id in "ab" for s in (0, 1) for i in (0, 1)}
    assert len(seeds) == 8
    assert seed("a", sampling, 2) == seed("a", replace(sampling, samples=9, early=True), 2)


def test_what_a_reply_is_cached_by() -> None:
    prompt, sampling = Prompt("1", "text"), SamplingParams(2, 0.7)
    keys = {
        key(prompt, sampling, 0),
        key(prompt, sampling, 0, "weights2"),
        key(Prompt("1", "other"), sampling, 0),
        key(Prompt("2", "text"), sampling, 0),  # two questions with one text are two draws
        key(prompt, sampling, 1),
        key(prompt, replace(sampling, temperature=0.8), 0),
        key(prompt, replace(sampling, seed=1), 0),
        key(prompt, replace(sampling, stops=("x",)), 0),
        key(prompt, replace(sampling, max_tokens=9), 0),
    }
    assert len(keys) == 9
    greedy = replace(sampling, temperature=0.0)
    assert key(prompt, greedy, 0) == key(Prompt("2", "text"), replace(greedy, seed=5), 1)
