"""Whatever is asked twice of the exchange, because somebody died meanwhile, loses no task."""

import asyncio

import pytest

pytest.importorskip("ray", reason="needs the extra 'ray'")

from emollama_hf.engines.ray_source import Exchange


def test_calls_that_are_made_again_lose_nothing() -> None:
    exchange = Exchange.__ray_metadata__.modified_class()  # type: ignore[attr-defined]

    async def run() -> None:
        first = asyncio.create_task(exchange.take(0))
        assert await exchange.wanted() == 0  # say whoever asked has died
        assert await exchange.wanted() == 0
        second = asyncio.create_task(exchange.take(0))
        await asyncio.sleep(0)
        await exchange.give(0, b"task")
        await exchange.give(0, b"again")
        assert [await first, await second] == [b"task", b"task"]
        wanted = asyncio.create_task(exchange.wanted())
        last = asyncio.create_task(exchange.take(1))
        assert await wanted == 1
        await exchange.give(1, b"end")
        await exchange.stop()
        assert await last == b"end"
        assert await exchange.wanted() == -1

    asyncio.run(run())
