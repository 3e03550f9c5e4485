"""Files of a run for publishing, beside a model card that says what was measured."""

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from kamerton.formats.errors import InputError
from kamerton.formats.jsonl import write_text

if TYPE_CHECKING:
    from huggingface_hub import ModelCardData

README = "README.md"
PROOFS = ("parity.json", "pretraining.json")
"""One of them has to be there: a model without any figure is not published."""


def publish(files: Mapping[str, Path], card: str, target: Path) -> None:
    """Copy files and folders, by their names there, into a new folder; the card is its README.

    InputError: a target that is there already, a run without a proof or without a card.
    """
    if not any(name in files for name in PROOFS):
        raise InputError("develop.publish_unproved", where=str(target))
    if not card:
        raise InputError("develop.publish_no_card", where=str(target))
    if target.exists():
        raise InputError("develop.publish_exists", where=str(target))
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as temporary:
        fresh = Path(temporary) / target.name
        fresh.mkdir()
        for name, path in files.items():
            copy = shutil.copytree if path.is_dir() else shutil.copyfile
            copy(path, fresh / name)
        write_text(fresh / README, card)
        fresh.rename(target)


def upload(files: Mapping[str, Path], card: str, repository: str) -> str:
    """The same files to a model repository of the Hugging Face hub, private; gives its address.

    `HF_TOKEN` and `HF_ENDPOINT` are honoured. InputError where the hub does not take them.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "model"
        publish(files, card, folder)
        try:
            api = HfApi()
            address = api.create_repo(repository, private=True, exist_ok=True)
            api.upload_folder(repo_id=repository, folder_path=folder)
        except (HfHubHTTPError, OSError, ValueError) as error:
            why = (str(error).splitlines() or [type(error).__name__])[0][:200]
            raise InputError("develop.publish_refused", where=repository, why=why) from error
    return str(address)


def joined(cards: Sequence[str]) -> str:
    """The cards of several adapters as the one of their folder: all metadata, all texts."""
    from huggingface_hub import ModelCard

    if len(cards) < 2:
        return "".join(cards)
    read = [ModelCard(card) for card in cards]
    whole, metadata = read[0], [cast("ModelCardData", one.data) for one in read]
    for name in ("language", "datasets", "tags"):
        values = dict.fromkeys(value for data in metadata for value in data.get(name) or [])
        whole.data[name] = list(values) or None
    metadata[0].eval_results = [of for data in metadata for of in data.eval_results or []]
    metadata[0].model_name = ", ".join(data.model_name or "" for data in metadata)
    whole.text = "\n" + "\n".join(one.text.strip() + "\n" for one in read)
    return str(whole)
