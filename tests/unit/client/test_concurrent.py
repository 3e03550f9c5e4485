"""Work side by side: results in order, and one failure ends all of it."""

import asyncio

import pytest

from kamerton.client.concurrent import run, side_by_side, together


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


@pytest.mark.parametrize("limit", [1, 3])
def test_never_more_at_once_than_allowed_and_not_fewer_in_order(limit: int) -> None:
    begun, now, most = [], 0, 0

    async def work(job: int) -> None:
        nonlocal now, most
        begun.append(job)
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.001)
        now -= 1

    asyncio.run(side_by_side(range(9), work, limit))
    assert begun == list(range(9)) and most == limit


def test_a_stop_is_asked_before_each_job_and_what_is_under_way_ends() -> None:
    done: list[int] = []

    async def work(job: int) -> None:
        await asyncio.sleep(0)
        done.append(job)

    asyncio.run(side_by_side(range(9), work, 2, lambda: len(done) >= 2))
    assert sorted(done) == [0, 1, 2]


def test_work_runs_also_where_a_loop_runs_already() -> None:
    async def answer() -> int:
        return 7

    async def notebook() -> int:
        return run(answer())

    assert run(answer()) == asyncio.run(notebook()) == 7
