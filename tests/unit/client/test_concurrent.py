"""Work side by side: results in order, and one failure ends all of it."""

import asyncio

import pytest

from kamerton.client.concurrent import together


def test_results_come_in_the_order_of_the_work() -> None:
    async def late(seconds: float) -> float:
        await asyncio.sleep(seconds)
        return seconds

    assert asyncio.run(together(late(one) for one in (0.02, 0.0, 0.01))) == [0.02, 0.0, 0.01]
    assert asyncio.run(together(())) == []


def test_the_first_failure_is_raised_once_the_others_have_ended() -> None:
    ended = []

    async def long(name: str) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)  # such as a connection that is closed
            ended.append(name)

    async def failing() -> None:
        await asyncio.sleep(0)
        raise ValueError("no")

    async def both() -> None:
        with pytest.raises(ValueError, match="no"):
            await together([long("one"), failing(), long("other")])
        assert sorted(ended) == ["one", "other"]

    asyncio.run(both())
