"""Clean and compare a folder with one worker: `python growth.py IN WORK`; see data.py."""

import shutil
import sys
from pathlib import Path

from kamerton.develop.data.corpus.cleaning import clean
from kamerton.develop.data.corpus.duplicates import duplicates
from kamerton.develop.settings import CorpusSettings
from kamerton.documents.files import read_documents


def main() -> None:
    """Everything but writing the dataset, so that only the comparison is held in memory."""
    source, work = sys.argv[1], Path(sys.argv[2])
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    settings = CorpusSettings(kind="corpus", source=source)
    documents = read_documents(Path(source))
    cleaned = [clean(document, settings, work) for document in documents]
    duplicates(cleaned, settings.duplicates, work)
    (work / "paragraphs.txt").write_text(str(sum(len(d.paragraphs) for d in cleaned)))


if __name__ == "__main__":
    main()
