"""The chat page: one model, or two side by side, streaming. Gradio stays in this folder.

It loads nothing from any other host: system fonts, no analytics.
"""

import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kamerton.client.connection import Connection, Endpoint
from kamerton.client.replies import content_text, delta
from kamerton.formats.errors import InputError
from kamerton.formats.language import say
from kamerton.formats.serving import RAG
from kamerton.studio.growing import Growing

if TYPE_CHECKING:
    from fastapi import FastAPI

Turn = dict[str, Any]
_STYLE = Path(__file__).with_name("style.css")


def mount(
    app: "FastAPI", base_url: str, models: Sequence[str], examples: Sequence[str] = ()
) -> "FastAPI":
    """Put the page at `/` of `app`; it talks to `base_url` as any other client would.

    `models` are the ids to choose from, the two to compare first of them first and last.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    import gradio

    page = _page(base_url, list(models), list(examples))
    fonts = ["system-ui", "sans-serif"]
    theme = gradio.themes.Soft(
        primary_hue="teal", neutral_hue="stone", font=fonts, font_mono=["monospace"]
    )
    gradio.mount_gradio_app(
        app, page, path="/", theme=theme, css_paths=_STYLE, footer_links=[], ssr_mode=False
    )
    return app


def _page(base_url: str, models: list[str], examples: list[str]) -> Any:
    import gradio

    with gradio.Blocks(title="Kamerton", analytics_enabled=False, fill_height=True) as page:
        gradio.Markdown(f"# Kamerton\n{say('studio.about')}", elem_id="about")
        both = gradio.Checkbox(True, label=say("studio.side_by_side"), elem_id="side-by-side")
        with gradio.Row(elem_id="columns"):
            left = _column(models, models[0], "left")
            right = _column(models, _tuned(models), "right")
        with gradio.Row(elem_id="ask"):
            text = gradio.Textbox(
                placeholder=say("studio.placeholder"),
                show_label=False,
                container=False,
                scale=8,
                elem_id="question",
                autofocus=True,
            )
            send = gradio.Button(say("studio.send"), variant="primary", scale=1, elem_id="send")
        clear = gradio.Button(say("studio.clear"), size="sm", elem_id="clear")
        if examples:
            gradio.Examples(examples, text, label=say("studio.examples"), elem_id="examples")
        _wire(base_url, both, left, right, text, send, clear)
    return page


def _tuned(models: list[str]) -> str:
    """The model to set beside the first one: the first that is not it and needs no retrieval."""
    others = [model for model in models if model != models[0] and not model.endswith(RAG)]
    return (others or models)[-1]


def _column(models: list[str], chosen: str, side: str) -> tuple[Any, Any, Any]:
    import gradio

    with gradio.Column(min_width=300, elem_id=f"column-{side}") as column:
        model = gradio.Dropdown(
            models, value=chosen, label=say(f"studio.{side}"), elem_id=f"model-{side}"
        )
        chat = gradio.Chatbot(
            show_label=False,
            height="48vh",
            layout="bubble",
            buttons=["copy"],
            placeholder=say("studio.empty"),
            elem_id=f"chat-{side}",
        )
    return column, model, chat


def _wire(
    base_url: str,
    both: Any,
    left: tuple[Any, Any, Any],
    right: tuple[Any, Any, Any],
    text: Any,
    send: Any,
    clear: Any,
) -> None:
    import gradio

    def ask(
        growing: Growing, question: str, first: list[Turn], second: list[Turn]
    ) -> tuple[str, Any, Any]:
        if not question.strip():
            return "", first, second
        growing.begin()
        turn = {"role": "user", "content": question.strip()}
        return "", [*first, turn], [*second, turn]

    async def reply(growing: Growing, model: str, turns: list[Turn]) -> AsyncIterator[list[Turn]]:
        if not turns or turns[-1]["role"] != "user":
            yield turns
            return
        async for grown in growing.while_wanted(_replies(base_url, model, turns)):
            yield grown

    async def reply_beside(
        growing: Growing, shown: bool, model: str, turns: list[Turn]
    ) -> AsyncIterator[Any]:
        if not shown:
            yield turns[:-1] if turns and turns[-1]["role"] == "user" else turns
            return
        async for grown in reply(growing, model, turns):
            yield grown

    async def empty(growing: Growing) -> tuple[list[Turn], list[Turn]]:
        await growing.end()
        return [], []

    _, left_model, left_chat = left
    right_column, right_model, right_chat = right
    both.change(lambda shown: gradio.Column(visible=shown), both, right_column)
    growing = gradio.State(Growing())
    chats = [text, left_chat, right_chat]
    asked = gradio.on([text.submit, send.click], ask, [growing, *chats], chats)
    asked.then(reply, [growing, left_model, left_chat], left_chat)
    asked.then(reply_beside, [growing, both, right_model, right_chat], right_chat)
    clear.click(empty, growing, [left_chat, right_chat])


async def _replies(base_url: str, model: str, turns: list[Turn]) -> AsyncIterator[list[Turn]]:
    """The chat with the growing answer; a failure of the server becomes a line in it."""
    # The page's own messages carry more than an API takes.
    messages = [{"role": turn["role"], "content": content_text(turn["content"])} for turn in turns]
    body = {"model": model, "messages": messages, "temperature": 0.0, "max_tokens": 128}
    text = ""
    try:
        async with Connection(Endpoint(base_url)) as server:
            async for chunk in server.stream("chat/completions", body):
                text += delta(chunk)
                yield [*turns, {"role": "assistant", "content": text}]
    except InputError as error:
        failed = say("studio.failed", why=str(error))
        yield [*turns, {"role": "assistant", "content": f"⚠ {failed}"}]
