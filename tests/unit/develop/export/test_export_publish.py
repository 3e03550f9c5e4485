"""What leaves: files and folders under their names, and the card to the letter."""

from pathlib import Path

import pytest

from kamerton.develop.export.publish import README, publish
from kamerton.formats.errors import InputError

CARD = "---\nbase_model: x\n---\n\n# Museum\n"


def proof(folder: Path) -> Path:
    path = folder / "parity.json"
    path.write_text('{"quantisation": "q8_0"}', "utf-8")
    return path


def test_files_and_folders_come_with_the_card_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "made" / "deeper").mkdir(parents=True)
    (tmp_path / "made" / "deeper" / "a.json").write_text("{}")
    files = {"parity.json": proof(tmp_path), "adapter-code": tmp_path / "made"}
    publish(files, CARD, tmp_path / "new" / "out")
    out = tmp_path / "new" / "out"
    found = {str(p.relative_to(out)): p.read_text("utf-8") for p in out.rglob("*") if p.is_file()}
    assert found == {
        README: CARD,
        "parity.json": '{"quantisation": "q8_0"}',
        "adapter-code/deeper/a.json": "{}",
    }


@pytest.mark.parametrize(
    ("name", "card", "key"),
    [("other.json", CARD, "unproved"), ("parity.json", "", "no_card")],
)
def test_without_proof_or_card_nothing_leaves(
    name: str, card: str, key: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as error:
        publish({name: proof(tmp_path)}, card, tmp_path / "out")
    assert error.value.key == f"develop.publish_{key}"
    assert not (tmp_path / "out").exists()
