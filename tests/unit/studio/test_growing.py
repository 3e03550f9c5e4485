"""Answers end before the next conversation begins, in that order."""

import asyncio
from collections.abc import AsyncIterator

from kamerton.studio.growing import Growing


async def endless(told: list[str]) -> AsyncIterator[str]:
    """An answer that grows for ever; what it told last is its end."""
    try:
        while True:
            told.append("grown")
            yield "grown"
            await asyncio.sleep(0)
    finally:
        told.append("closed")


async def silent() -> AsyncIterator[str]:
    """An answer whose first word never comes."""
    await asyncio.Event().wait()
    yield "never"


async def short() -> AsyncIterator[str]:
    for text in ("a", "ab"):
        yield text


def test_an_answer_passes_through_whole() -> None:
    async def page() -> list[str]:
        return [text async for text in Growing().while_wanted(short())]

    assert asyncio.run(page()) == ["a", "ab"]


def test_nothing_is_told_after_the_end() -> None:
    async def page() -> list[str]:
        growing, told = Growing(), list[str]()

        async def show() -> None:
            async for text in growing.while_wanted(endless([])):
                told.append(text)
                await asyncio.sleep(0)

        shown = asyncio.create_task(show())
        await asyncio.sleep(0.1)
        await growing.end()
        told.append("emptied")
        await asyncio.sleep(0.1)
        assert shown.done()
        return told

    told = asyncio.run(page())
    assert told[0] == "grown" and told[-1] == "emptied"


def test_an_answer_that_says_nothing_is_not_waited_for() -> None:
    async def page() -> bool:
        growing = Growing()

        async def show() -> list[str]:
            return [text async for text in growing.while_wanted(silent())]

        shown = asyncio.create_task(show())
        await asyncio.sleep(0.1)
        await asyncio.wait_for(growing.end(), timeout=10)
        return await asyncio.wait_for(shown, timeout=10) == []

    assert asyncio.run(page())


def test_an_answer_that_begins_after_the_end_is_not_shown_until_somebody_asks() -> None:
    async def page() -> list[list[str]]:
        growing = Growing()
        await growing.end()
        late = [text async for text in growing.while_wanted(short())]
        growing.begin()
        return [late, [text async for text in growing.while_wanted(short())]]

    assert asyncio.run(page()) == [[], ["a", "ab"]]
