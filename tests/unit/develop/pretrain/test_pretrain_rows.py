"""Packed rows: what is a target, where documents begin, and files that are none."""

from pathlib import Path

import numpy as np
import pytest
import torch

from kamerton.develop.pretrain import rows
from kamerton.develop.pretrain.evaluate import nats
from kamerton.develop.pretrain.model import build, configure
from kamerton.develop.training import attention, checks
from kamerton.formats.errors import InputError
from packed_corpus import ARCHITECTURE, make_corpus

BOS, EOS, PAD = 0, 1, 2
MARKS = rows.Marks(BOS, EOS, PAD)
ROW = [BOS, 10, 11, EOS, BOS, 12, EOS, PAD]
NO = rows.NO_TARGET


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_corpus(tmp_path_factory.mktemp("corpus"))


def test_every_token_of_a_run_but_its_beginning_is_a_target() -> None:
    batch = rows.collate([{"input_ids": np.array(ROW, np.uint16)}], MARKS)
    assert batch["input_ids"].tolist() == [ROW]
    assert batch["labels"].tolist() == [[NO, 10, 11, EOS, NO, 12, EOS, NO]]
    assert batch["position_ids"].tolist() == [[0, 1, 2, 3, 0, 1, 2, 3]]
    assert int(rows.batch_targets([batch, batch])) == 10


def test_rows_of_uneven_lengths_are_padded_and_the_padding_is_no_target() -> None:
    batch = rows.collate([{"input_ids": ROW[:4]}, {"input_ids": ROW[4:6]}], MARKS)
    assert batch["input_ids"].tolist() == [ROW[:4], [BOS, 12, PAD, PAD]]
    assert batch["labels"].tolist()[1] == [NO, 12, NO, NO]


def test_counts_are_those_of_the_file(data: Path) -> None:
    tokenizer = rows.load_tokenizer(data)
    loaded = rows.load(data / rows.TRAIN, tokenizer)
    raw = np.load(data / rows.TRAIN)
    assert isinstance(loaded.ids, np.memmap) and len(loaded) == len(raw)
    assert rows.tokens(loaded) == int((raw > PAD).sum())
    assert rows.targets(loaded) == rows.tokens(loaded) + int((raw == EOS).sum())
    batch = rows.collate([loaded[n] for n in range(len(loaded))], loaded.marks)
    assert int(rows.batch_targets([batch])) == rows.targets(loaded)
    shared = (raw == BOS).sum(axis=1) > 1
    assert shared.any(), "the corpus has no row that documents share: isolation is not tried"


def test_the_tokenizer_comes_with_marks_and_a_chat_template(data: Path) -> None:
    tokenizer = rows.load_tokenizer(data)
    assert rows.load(data / rows.TRAIN, tokenizer).marks == MARKS
    assert "<|im_start|>" in tokenizer.chat_template


def broken(data: Path, folder: Path, ids: "np.ndarray") -> Path:  # type: ignore[type-arg]
    path = folder / "rows.npy"
    np.save(path, ids)
    return path


def test_files_that_are_no_rows_are_refused_and_told_why(data: Path, tmp_path: Path) -> None:
    tokenizer = rows.load_tokenizer(data)
    good = np.array([ROW], np.uint16)
    foreign = good.copy()
    foreign[0, 1] = 60_000
    headless = good.copy()
    headless[0, 0] = 9
    for ids, said in (
        (good.astype(np.int64), "packed rows"),
        (good[0], "packed rows"),
        (good[:0], "packed rows"),
        (foreign, "token 60000"),
        (headless, "row 0"),
    ):
        with pytest.raises(InputError, match=said):
            rows.load(broken(data, tmp_path, ids), tokenizer)
    (tmp_path / "text.npy").write_text("no array")
    with pytest.raises(InputError, match="packed rows"):
        rows.load(tmp_path / "text.npy", tokenizer)
    with pytest.raises(InputError, match="does not exist"):
        rows.load(tmp_path / "none.npy", tokenizer)
    with pytest.raises(InputError, match="does not exist"):
        rows.load_tokenizer(tmp_path)


def small(data: Path, **changes: object) -> torch.nn.Module:
    torch.manual_seed(7)
    tokenizer = rows.load_tokenizer(data)
    model: torch.nn.Module = build(configure(ARCHITECTURE | changes, tokenizer, 64))
    return model.eval()


@pytest.mark.parametrize("documents", [True, False])
def test_a_shared_row_costs_what_its_documents_cost_alone(data: Path, documents: bool) -> None:
    model = small(data)
    if documents:
        attention.use(model, 64)
    shared = rows.collate([{"input_ids": ROW}], MARKS)
    alone = [rows.collate([{"input_ids": part}], MARKS) for part in (ROW[:4], ROW[4:7])]
    together = nats(model, shared, half=False)
    apart = sum(nats(model, batch, half=False) for batch in alone)
    torch.testing.assert_close(together, apart, rtol=1e-5, atol=1e-5)
    leaking = shared | {"position_ids": torch.arange(8).unsqueeze(0)}
    assert abs(float((nats(model, leaking, half=False) - apart).detach())) > 1e-3


def test_documents_that_see_each_other_are_caught(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = small(data)
    documents = [[20, 21, 22], [30, 31, 32, 33], [40, 41]]
    logits = rows.packed_logits(model, MARKS)
    assert checks.isolation(logits, documents, 400, model).largest_difference <= 1e-5
    through = lambda ids, bos: torch.arange(ids.shape[1]).expand_as(ids)  # noqa: E731
    monkeypatch.setattr(rows, "positions", through)
    with pytest.raises(InputError, match="see each other"):
        checks.isolation(logits, documents, 400, model)
