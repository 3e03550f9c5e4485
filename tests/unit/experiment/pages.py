"""What every page is held to: well formed, whole in one file, and in one language."""

import re
from html import unescape
from html.parser import HTMLParser

VOID = {"meta", "input", "img", "br"}


class Tags(HTMLParser):
    """All tags of a page with their attributes; each must be closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def names(self) -> list[str]:
        """All tags in their order."""
        return [tag for tag, _ in self.found]


def alone(text: str) -> Tags:
    """The page asks for no other file; links lead within it."""
    tags = Tags(text)
    assert not {"link", "img", "iframe", "object"} & set(tags.names())
    for _, attributes in tags.found:
        assert "src" not in attributes
        assert str(attributes.get("href", "#")).startswith("#")
    assert "url(" not in text and "@import" not in text
    assert "default-src 'none'" in text
    return tags


def visible(text: str) -> str:
    """What a reader sees, as one text."""
    shown = re.sub(r"<(style|script|title)>.*?</\1>|<[^>]+>", " ", text, flags=re.S)
    return " ".join(unescape(shown).split())
