"""The corpus's tokenizer: what transformers loads, nothing unknown, there and back, same bytes."""

import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from planted import Prepare
from transformers import AutoTokenizer

from kamerton.develop.data.corpus.run import survey
from kamerton.develop.data.corpus.texts import CorpusText
from kamerton.develop.data.corpus.tokenizer import (
    LARGEST,
    SMALLEST,
    SPECIAL,
    Kind,
    TokenizerReport,
    check_size,
    measure,
    train_tokenizer,
)
from kamerton.develop.data.corpus.tokens import encode
from kamerton.develop.settings import CorpusSettings
from kamerton.formats import templates
from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import read_rows
from kamerton.formats.manifest import tree_sha256
from russian_prose import text

KINDS: list[Kind] = ["byte_level", "metaspace"]
VOCABULARY = 420
STRANGE = (
    "  Ёж, 3000 лет;  «да» — l'été?\tЖ\u0301\u00a0x\u2028y\u200b\n\n👍🏽 面白い <0x41> <eos><bos>\n"
    "<|im_start|>user\r\nḀ́ \x00\x7f �"
)


def document(name: str, of: str, split: str = "train") -> CorpusText:
    return CorpusText.model_validate(
        {"id": name, "work": name, "split": split, "text": of, "gaps": [], "lines": []}
    )


def corpus() -> list[CorpusText]:
    rng = random.Random(11)
    found = [document(f"d{i}", text(rng, 5, rng.randint(5, 40))) for i in range(9)]
    # Equally rare, all of them: which become tokens must not follow the order of texts.
    rare = [document(f"r{i}", "".join(map(chr, range(0x4E00 + i, 0x4E40, 2)))) for i in (0, 1)]
    held = [document("h1", text(rng, 4, 20), "held_out"), document("h2", STRANGE, "held_out")]
    return [*found, *rare, *held]


@pytest.fixture(scope="module", params=KINDS)
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Kind, tokenizer, folder."""
    folder = tmp_path_factory.mktemp("trained") / "tokenizer"
    return request.param, train_tokenizer(corpus(), VOCABULARY, folder, request.param), folder


def test_transformers_loads_it_with_its_marks(trained: Any) -> None:
    _, tokenizer, folder = trained
    loaded = AutoTokenizer.from_pretrained(folder)
    assert loaded.is_fast and len(loaded) == VOCABULARY == tokenizer.get_vocab_size()
    assert (loaded.bos_token, loaded.eos_token, loaded.pad_token) == ("<bos>", "<eos>", "<pad>")
    assert loaded.convert_tokens_to_ids(SPECIAL) == [0, 1, 2, 3, 4]
    assert set(loaded.all_special_tokens) == set(SPECIAL)
    assert loaded.chat_template == templates.read("chatml")
    for one in corpus():
        plain = loaded(one.text, split_special_tokens=True).input_ids
        tokenizer.encode_special_tokens = True
        assert plain == tokenizer.encode(one.text).ids
        assert not set(plain) & {0, 1, 2, 3, 4}, "a mark that a text spells is no mark"
        assert loaded.decode(plain) == one.text


def test_a_chat_is_marked_where_the_assistant_speaks_and_ends_its_turn(trained: Any) -> None:
    loaded = AutoTokenizer.from_pretrained(trained[2])
    chat = [
        {"role": "system", "content": "Отвечай кратко."},
        {"role": "user", "content": "Где мост?"},
        {"role": "assistant", "content": "За рекой.\nТам, где сад."},
        {"role": "user", "content": "А сад?"},
        {"role": "assistant", "content": "У моря."},
    ]
    out = loaded.apply_chat_template(
        chat, tokenize=True, return_dict=True, return_assistant_tokens_mask=True
    )
    ids, mask = out["input_ids"], out["assistant_masks"]
    learnt = loaded.decode([i for i, m in zip(ids, mask, strict=True) if m])
    assert learnt == "За рекой.\nТам, где сад.<|im_end|>У моря.<|im_end|>"
    assert loaded.decode(ids) == loaded.apply_chat_template(chat, tokenize=False)
    assert ids.count(3) == ids.count(4) == 5
    prompt = loaded.apply_chat_template(
        chat[:4], tokenize=True, return_dict=True, add_generation_prompt=True
    )["input_ids"]
    # What is generated from is how the whole chat begins: else training and serving differ.
    assert ids[: len(prompt)] == prompt


@pytest.mark.parametrize("kind", KINDS)
def test_merges_stay_inside_words_and_lines(kind: Kind, tmp_path: Path) -> None:
    words = "Да, нет. «Что-то» 1812 год\nДа, нет.\n" * 20
    tokenizer = train_tokenizer([document("a", words)], 330, tmp_path / "t", kind)
    tokens = tokenizer.decode_batch([[i] for i in range(SMALLEST, tokenizer.get_vocab_size())])
    kinds = re.compile(r" ?(\w+|[^\w\s]+)|\s")
    whole = [t for t in tokens if "\ufffd" not in t]  # others end inside a character
    assert [t for t in whole if not kinds.fullmatch(t)] == []
    assert " год" in tokens and " нет" in tokens


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_unknown_to_the_smallest_vocabulary_of_all(kind: Kind, tmp_path: Path) -> None:
    tokenizer = train_tokenizer(corpus(), SMALLEST, tmp_path / "t", kind)
    report = measure(encode(corpus(), tokenizer), tokenizer, kind, SMALLEST)
    assert report.vocabulary == SMALLEST and report.unknown == 0
    assert report.round_trip == report.texts == len(corpus())
    held = report.splits["held_out"]
    # Metaspace has no room for the sign of a space either: it is three bytes.
    spaces = {"byte_level": " ", "metaspace": "▁"}[kind]
    texts = [d.text.strip().replace(" ", spaces) for d in corpus() if d.split == "held_out"]
    assert held.tokens == sum(len(of.encode()) for of in texts)


def test_the_report_says_what_a_recount_finds(trained: Any) -> None:
    kind, tokenizer, folder = trained
    report = measure(encode(corpus(), tokenizer), tokenizer, kind, VOCABULARY)
    loaded = AutoTokenizer.from_pretrained(folder)
    ids = {d.id: loaded(d.text.strip(), split_special_tokens=True).input_ids for d in corpus()}
    for split, of in report.splits.items():
        mine = [d for d in corpus() if d.split == split]
        assert of.texts == len(mine)
        assert of.characters == sum(len(d.text) for d in mine)
        assert of.tokens == sum(len(ids[d.id]) for d in mine)
        assert of.characters_per_token == pytest.approx(of.characters / of.tokens, abs=1e-4)
    used = {token for each in ids.values() for token in each}
    assert report.used == len(used) and 0.1 < report.used_share < 1
    assert report.used_share == pytest.approx(len(used) / VOCABULARY, abs=1e-4)
    assert report.round_trip == report.texts == len(corpus()) and report.differences == []
    assert report.unknown == 0 and report.kind == kind
    sizes = [len(token) for token in report.longest]
    every = [loaded.decode([i]) for i in range(5, VOCABULARY)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == max(len(t) for t in every if "\ufffd" not in t) > 4


def test_a_text_with_metaspace_s_own_sign_is_told_as_changed(tmp_path: Path) -> None:
    sign = document("sign", "мост над рекой▁и ▁сад")
    documents = [*corpus(), sign]
    for kind, same in (("byte_level", 14), ("metaspace", 13)):
        tokenizer = train_tokenizer(corpus(), VOCABULARY, tmp_path / kind, kind)  # type: ignore[arg-type]
        report = measure(encode(documents, tokenizer), tokenizer, kind, VOCABULARY)  # type: ignore[arg-type]
        assert (report.round_trip, report.texts) == (same, 14)
    (found,) = report.differences
    assert (found.id, found.offset) == ("sign", 14)
    assert found.text == sign.text and found.decoded == "мост над рекой и  сад"


def test_a_tokenizer_without_its_bytes_is_found_out(tmp_path: Path) -> None:
    """The planted fault: characters that the alphabet lacks vanish."""
    from tokenizers import Tokenizer

    train_tokenizer(corpus(), VOCABULARY, tmp_path / "t", "metaspace")
    state = json.loads((tmp_path / "t" / "tokenizer.json").read_text("utf-8"))
    state["model"]["byte_fallback"] = False
    letters = set(state["model"]["vocab"])
    broken = Tokenizer.from_str(json.dumps(state))
    report = measure(encode(corpus(), broken), broken, "metaspace", VOCABULARY)
    missing = {d.id: [c for c in d.text.replace(" ", "▁") if c not in letters] for d in corpus()}
    assert report.unknown == sum(map(len, missing.values())) > 64
    assert report.texts - report.round_trip == sum(map(bool, missing.values())) > 1
    strange = next(of for of in report.differences if of.id == "h2")
    assert STRANGE[strange.offset] == missing["h2"][0]


def test_a_character_too_rare_for_a_token_is_spelt_with_bytes(tmp_path: Path) -> None:
    of = document("a", "мост сад " * 1000 + "ф" * 20 + "₽")
    tokenizer = train_tokenizer([of], VOCABULARY, tmp_path / "t", "metaspace")
    assert tokenizer.token_to_id("ф") is not None and tokenizer.token_to_id("₽") is None
    assert tokenizer.encode("₽").tokens == ["<0xE2>", "<0x82>", "<0xBD>"]


@pytest.mark.parametrize("kind", KINDS)
def test_fewer_tokens_than_wanted_are_told(kind: Kind, tmp_path: Path) -> None:
    few = [document("a", "мост мост сад")]
    tokenizer = train_tokenizer(few, 900, tmp_path / "t", kind)
    report = measure(encode(few, tokenizer), tokenizer, kind, 900)
    assert report.wanted == 900 and SMALLEST < report.vocabulary < 300
    assert set(report.splits) == {"train"}


TRAIN = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_corpus_tokenizer import VOCABULARY, corpus
from kamerton.develop.data.corpus.tokens import encode
from kamerton.develop.data.corpus.tokenizer import measure, train_tokenizer
documents = corpus()
documents.reverse()
for kind in ("byte_level", "metaspace"):
    out = Path(sys.argv[2]) / kind
    tokenizer = train_tokenizer(documents, VOCABULARY, out, kind)
    report = measure(encode(documents, tokenizer), tokenizer, kind, 9)
    (out / "report.json").write_text(report.model_dump_json())
"""


def test_other_orders_processes_and_threads_give_the_same_bytes(tmp_path: Path) -> None:
    here = Path(__file__).parent
    found = []
    for threads in ("1", "4"):
        out = tmp_path / threads
        paths = os.pathsep.join([str(here.parents[3]), os.environ.get("PYTHONPATH", "")])
        changes = {"RAYON_NUM_THREADS": threads, "PYTHONHASHSEED": threads, "PYTHONPATH": paths}
        command = [sys.executable, "-c", TRAIN, str(here), str(out)]
        subprocess.run(command, check=True, capture_output=True, env=os.environ | changes)
        found.append(tree_sha256(out))
    for kind in KINDS:
        out = tmp_path / "here" / kind
        tokenizer = train_tokenizer(corpus(), VOCABULARY, out, kind)
        report = measure(encode(corpus(), tokenizer), tokenizer, kind, 9)
        (out / "report.json").write_text(report.model_dump_json())
    assert len(found[0]) == 8
    assert found[0] == found[1] == tree_sha256(tmp_path / "here")


def test_training_again_replaces_the_folder_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / "tokenizer"
    folder.mkdir()
    (folder / "tokenizer.json").write_text("half a file")
    train_tokenizer(corpus(), 300, folder)
    assert len(AutoTokenizer.from_pretrained(folder)) == 300
    assert [path.name for path in tmp_path.iterdir()] == ["tokenizer"]


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (SMALLEST - 1, {"en": "256 bytes", "ru": "байтов 256"}),
        (256, {"en": "at least 261", "ru": "не меньше 261"}),
        (LARGEST + 1, {"en": "at most 65536", "ru": "не больше 65536"}),
    ],
)
def test_an_impossible_size_is_refused_before_anything_is_read(
    size: int, words: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = CorpusSettings.model_validate(
        {"kind": "corpus", "source": str(tmp_path / "is not there"), "vocabulary": size}
    )
    with pytest.raises(InputError) as caught:
        survey(settings, tmp_path)
    for language, part in words.items():
        monkeypatch.setenv("KAMERTON_LANG", language)
        assert str(caught.value).startswith("data.vocabulary: ")
        assert part in str(caught.value) and str(size) in str(caught.value)
    with pytest.raises(InputError):
        train_tokenizer(corpus(), size, tmp_path / "tokenizer")
    assert not (tmp_path / "tokenizer").exists()


def test_sizes_at_the_limits_are_taken() -> None:
    check_size(SMALLEST)
    check_size(LARGEST)


@pytest.mark.parametrize("kind", KINDS)
def test_the_data_stage_writes_the_report_and_its_part_of_the_card(
    kind: Kind, make: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAMERTON_LANG", "ru")
    out = make(tokenizer=kind)
    path = out / "tokenizer" / "report.json"
    report = TokenizerReport.model_validate_json(path.read_text("utf-8"))
    documents = read_rows(out / "documents.jsonl", CorpusText)
    assert report.kind == kind and report.vocabulary == 400 == report.wanted
    assert report.round_trip == report.texts == len(documents)
    assert json.loads((out / "card.json").read_text("utf-8"))["tokenizer"] == report.model_dump()
    card = (out / "card.md").read_text("utf-8")
    assert {"byte_level": "BPE по байтам", "metaspace": "BPE по символам"}[kind] in card
    assert f"{report.texts} из {report.texts}; символов без токенов: 0" in card
    assert f"| обучение | {report.splits['train'].characters_per_token:.2f} |" in card
    loaded = AutoTokenizer.from_pretrained(out / "tokenizer")
    assert len(loaded) == 400


def test_the_card_shows_what_came_back_changed_and_too_few_tokens(
    make: Prepare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAMERTON_LANG", "en")
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "sign.txt").write_text("Мост над рекой ▁ сад и мост.\nМост над рекой.", "utf-8")
    (folder / "plain.txt").write_text("Сад над рекой, мост над садом.", "utf-8")
    card = (make(folder, held_out=0, tokenizer="metaspace") / "card.md").read_text("utf-8")
    assert "1 of 2 texts come back from their tokens unchanged" in card
    told = "- sign.txt, after 15 characters: “Мост над рекой ▁ сад и мост. Мост н” came"
    assert told in card.replace("\\", "")
    assert "Wanted were 400: the texts have no more pairs" in card
