"""Slots: who gets which, and when the cached state must not be used."""

import asyncio
import contextlib

import pytest

from kamerton.engines.llamacpp.slots import Slot, Slots, choose
from kamerton.engines.openai_api import ApiError


def test_an_arm_goes_on_from_its_own_slot_only() -> None:
    async def trip() -> list[tuple[int, bool]]:
        slots, seen = Slots(2, 8), []
        for arm in ("base", "base", "museum", "base", "desk", "museum"):
            async with slots.lease(arm, "same prompt", 1) as lease:
                seen.append((lease.slot, lease.fresh))
        return seen

    assert asyncio.run(trip()) == [
        (0, True),
        (0, False),
        (1, True),
        (0, False),
        (1, True),
        (0, True),
    ]


def test_after_a_restart_of_the_engine_no_state_is_left() -> None:
    async def trip() -> list[bool]:
        slots, seen = Slots(1, 8), []
        for generation in (1, 1, 2):
            async with slots.lease("base", "p", generation) as lease:
                seen.append(lease.fresh)
        return seen

    assert asyncio.run(trip()) == [True, False, True]


def test_of_its_own_slots_an_arm_takes_the_one_most_alike() -> None:
    free = [Slot(0, "a", "context two", 1), Slot(1, "a", "context one", 2), Slot(2, "b", "", 3)]
    assert choose(free, "a", "context one, question").id == 1
    assert choose(free, "c", "context one").id == 0


def test_a_full_queue_is_told() -> None:
    async def trip() -> int:
        slots = Slots(1, 1)
        async with slots.lease("base", "", 1):
            waiting = asyncio.create_task(slots.lease("base", "", 1).__aenter__())
            await asyncio.sleep(0.01)
            with pytest.raises(ApiError) as caught:
                async with slots.lease("base", "", 1):
                    pass
            waiting.cancel()
            return caught.value.status

    assert asyncio.run(trip()) == 503


def test_a_failed_request_leaves_a_slot_that_nobody_owns() -> None:
    async def trip() -> list[bool]:
        slots, seen = Slots(1, 8), []
        for fails in (False, True, False, False):
            with contextlib.suppress(ApiError):
                async with slots.lease("base", "p", 1) as lease:
                    seen.append(lease.fresh)
                    if fails:
                        raise ApiError(503, "gone")
        return seen

    assert asyncio.run(trip()) == [True, False, True, False]
