"""The page's client sends what an API takes, whatever form the page's messages have."""

from kamerton.studio.app import _tuned
from kamerton.studio.client import _plain


def test_only_role_and_text_are_sent() -> None:
    turns = [
        {"role": "user", "content": [{"type": "text", "text": "hi"}], "metadata": None},
        {"role": "assistant", "content": "yes", "options": []},
    ]
    assert _plain(turns) == [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "yes"},
    ]


def test_the_second_model_is_the_tuned_one() -> None:
    assert _tuned(["base", "museum", "base+rag", "museum+rag"]) == "museum"
    assert _tuned(["base"]) == "base"
