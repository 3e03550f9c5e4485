"""Texts inside other texts: shares by brute force, and samples that agree with them."""

import random

import pytest

from kamerton.develop.data.corpus.cleaning import sampled
from kamerton.develop.data.dedup import near
from kamerton.develop.data.dedup.near import Containment, containments, shingles, word_hashes
from russian_prose import text


def runs(of: str) -> set[int]:
    return set(shingles(word_hashes(of), near.CONTAINED_WORDS).tolist())


def brute(texts: dict[str, str], least: float) -> list[Containment]:
    """Each text against each other one, by sets."""
    found = []
    for name in sorted(texts):
        own = runs(texts[name])
        shared = {other: own & runs(texts[other]) for other in sorted(texts) if other != name}
        anywhere = len(set().union(*shared.values())) / len(own)
        within = {o: len(s) / len(own) for o, s in shared.items() if len(s) >= 0.01 * len(own)}
        if anywhere >= least:
            found.append(Containment(name, anywhere, within))
    return found


def corpus(seed: int) -> dict[str, str]:
    """Novels, a draft of one, a chapter of another, and an anthology of three."""
    rng = random.Random(seed)
    novels = [text(rng, 30) for _ in range(4)]
    lines = [of.split("\n") for of in novels]
    anthology = "\n".join(line for of in lines[:3] for line in rng.sample(of, 5))
    draft = "\n".join(lines[0][:15]) + "\n" + text(rng, 15)
    chapter = "\n".join(lines[3][10:16])
    names = {f"novel{i}": of for i, of in enumerate(novels)}
    return names | {"anthology": anthology, "draft": draft, "chapter": chapter}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("least", [0.0, 0.3, 0.8])
def test_shares_are_those_of_brute_force(seed: int, least: float) -> None:
    texts = corpus(seed)
    hashes = {name: shingles(word_hashes(of), near.CONTAINED_WORDS) for name, of in texts.items()}
    found, right = containments(hashes, least), brute(texts, least)
    assert [(c.id, c.share) for c in found] == [(c.id, c.share) for c in right]
    assert [dict(sorted(c.within.items())) for c in found] == [c.within for c in right]


def test_samples_of_long_texts_are_near_the_whole() -> None:
    texts = corpus(1)
    full = {name: shingles(word_hashes(of), near.CONTAINED_WORDS) for name, of in texts.items()}
    whole = {c.id: c.share for c in containments(full, 0.0)}
    told = {c.id: c.share for c in containments({n: sampled(r) for n, r in full.items()}, 0.0)}
    assert {name: round(told[name], 1) for name in whole} == pytest.approx(whole, abs=0.15)


def test_texts_that_share_nothing_and_empty_ones_are_not_told() -> None:
    rng = random.Random(3)
    hashes = {str(i): shingles(word_hashes(text(rng, 5)), 8) for i in range(5)}
    hashes["empty"] = word_hashes("")
    assert containments(hashes, 0.01) == []
    assert containments({}, 0.5) == []


def test_a_formula_of_very_many_texts_is_counted_for_each() -> None:
    rng = random.Random(5)
    formula = "в некотором царстве в некотором государстве жил да был старик"
    hashes = {f"{i:03}": shingles(word_hashes(f"{formula} {text(rng, 1)}"), 8) for i in range(200)}
    found = containments(hashes, 0.01)
    assert len(found) == 200
    assert all(0 < c.share < 0.3 for c in found)
