"""The load bench's visitors, who have no browser, follow the page that there is."""

import asyncio

import pytest
from conftest import aside

from snnlab_bench.dashboard.visitor import Visitor


@pytest.mark.slow
def test_a_visitor_trains_is_watched_and_leaves(digits_server):
    async def come():
        visitor = await Visitor(digits_server.url).come()
        await visitor.until("Ready")
        assert await visitor.click("Train", "Pause") < 60
        await visitor.until("running")
        watcher = await Visitor(await visitor.let_watch()).come()
        await watcher.until("running")
        while min(visitor.step, watcher.step) < 3:
            await asyncio.sleep(0.05)
        assert visitor.updates
        assert not visitor.lost
        assert not watcher.lost
        await watcher.leave()
        await visitor.leave()

    aside(asyncio.run, asyncio.wait_for(come(), 120))
