"""What the server's log says of messages to windows that were closed: nothing."""

import asyncio
import gc
from concurrent.futures import ThreadPoolExecutor

import pytest
from tornado.websocket import WebSocketClosedError

from views.shell.closed_windows import expect_closed_windows


@pytest.mark.parametrize(("error", "logged"), [(WebSocketClosedError, 0), (ValueError, 1)])
def test_only_a_closed_window_is_no_error(error, logged, caplog):
    async def fail():
        raise error

    async def forget():
        for _ in range(2):  # every page asks for it
            expect_closed_windows(asyncio.get_running_loop())
        task = asyncio.ensure_future(fail())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert task.done()
        del task
        gc.collect()

    # in a thread of its own: the main one has a running event loop once Playwright was used
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, forget()).result()
    said = [r for r in caplog.records if "never retrieved" in r.message]
    assert len(said) == logged
