"""A recipe's folder, its settings, and a teacher on this machine."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_teacher import FakeTeacher

from kamerton.client import connection
from kamerton.develop.data.synth import filters
from kamerton.develop.settings.synth import SynthSettings
from model_server import serving

PRODUCTS = """
products:
  - {name: насос Иволга, about: Гоняет воду., audience: инженеры,
     facts: [напор 12 м, шум 45 децибел, гарантия 5 лет, расход 40 кубов]}
  - {name: кран Клёст, about: Закрывает трубу., audience: монтажники,
     facts: [проход 50 мм, сталь толстая, ресурс 900 циклов, срок 30 лет службы]}
  - {name: чиллер Пингвин, about: Охлаждает воду., audience: энергетики,
     facts: [мощность 120 кВт, масса 980 кг, контуров 2, мороз не помеха]}
  - {name: клапан Синица, about: Сбрасывает давление., audience: инспекторы,
     facts: [точность 3 %, корпус латунный, настройка 16 бар, пломба завода]}
channels: [site, email, social, billboard]
tasks: [представить новинку, собрать заявки, напомнить о сезоне]
tones: [деловой, дружелюбный, строгий]
beginnings:
  site: [Всё проверяется в работе.]
  email: [Добрый день!]
  social: [Вопрос к вам.]
  billboard: ["{product}."]
"""


@pytest.fixture
def settings(fake: FakeTeacher) -> Callable[..., SynthSettings]:
    """Small settings for the fake teacher, with changes."""

    def make(**changes: object) -> SynthSettings:
        lengths = dict.fromkeys(("site", "email", "social", "billboard"), (20, 400))
        small: dict[str, object] = {
            "base_url": fake.url,
            "model": "scribe",
            "products": "products.yaml",
            "examples": 12,
            "test_examples": 4,
            "test_products": 1,
            "lengths": lengths,
            "retries": 3,
        }
        return SynthSettings.model_validate(small | changes)

    return make


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "recipe"
    folder.mkdir()
    (folder / "products.yaml").write_text(PRODUCTS, "utf-8")
    return folder


@pytest.fixture
def fake() -> Iterator[FakeTeacher]:
    with serving(FakeTeacher()) as running:
        yield running


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "PAUSE", 0.0)


@pytest.fixture
def far_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """An encoder to which no two texts mean the same: to a real one made-up words are all alike."""
    import numpy as np

    def encode(texts: list[str]) -> Any:
        rows = [np.random.default_rng(list(text.encode())).normal(size=64) for text in texts]
        return np.array([row / np.linalg.norm(row) for row in rows], np.float32)

    monkeypatch.setattr(filters, "encode", encode)
