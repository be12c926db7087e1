"""Load test: many users at once, how long each waits.

    python -m benchmarks load

30 sessions on carbon, each a step of the budget or a lasso every 3 s. The users are raw websocket
clients (`benchmarks.visitors`) in one process, beside the server on the same machine: times end
when the answer has arrived.
"""

from __future__ import annotations

import asyncio
import random
import time

import numpy as np

from benchmarks.page import serve
from benchmarks.responsiveness import step
from benchmarks.visitors import Visitor

SESSIONS, SECONDS, EVERY = 30, 60.0, 3.0


async def visit(address: str) -> Visitor:
    """Open the page and wait until its curves are there."""
    visitor = Visitor(address)
    await visitor.open()
    await visitor.until(lambda: visitor.has(name="budget-overlap"), seconds=600)
    return visitor


async def lasso(visitor: Visitor, chance: random.Random) -> float:
    """Brush some points of the first map; return the seconds until they are marked."""
    place, size = chance.uniform(0.2, 0.8), chance.uniform(0.02, 0.1)
    plot = visitor.find(name="map-0")
    spans = {}
    for axis in "xy":
        span = visitor.models[visitor.models[plot][f"{axis}_range"]["id"]]
        at, long = span["start"], span["end"] - span["start"]
        spans |= {f"{axis}0": at + (place - size) * long, f"{axis}1": at + (place + size) * long}
    began, heard = time.perf_counter(), len(visitor.heard)
    shape = {"type": "map", "entries": [["type", "rect"], *([k, v] for k, v in spans.items())]}
    values = [["model", {"id": plot}], ["geometry", shape], ["final", True]]
    event = {
        "type": "event",
        "name": "selectiongeometry",
        "values": {"type": "map", "entries": values},
    }
    await visitor.tell({"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": event})
    await visitor.until(lambda: len(visitor.heard) > heard)
    return visitor.heard[heard][0] - began


async def use(visitor: Visitor, seed: int, until: float, times: list[float]) -> None:
    """Do something every few seconds, as a user does."""
    chance = random.Random(seed)
    await asyncio.sleep(EVERY * chance.random())
    while time.perf_counter() < until:
        began = time.perf_counter()
        act = (
            step(visitor, chance.choice((-4, 4)))
            if chance.random() < 0.5
            else lasso(visitor, chance)
        )
        times.append(await act)
        await asyncio.sleep(max(0.0, EVERY - (time.perf_counter() - began)))


async def crowd(address: str) -> None:
    """Let many users in, and print how long each answer took them."""
    visitors = [await visit(address) for _ in range(SESSIONS)]
    await asyncio.sleep(10)
    times: list[float] = []
    until = time.perf_counter() + SECONDS
    done = await asyncio.gather(
        *(use(visitor, seed, until, times) for seed, visitor in enumerate(visitors)),
        return_exceptions=True,
    )
    errors = [each for each in done if each is not None]
    median, most, longest = np.percentile(times, [50, 95, 100])
    print(
        f"{SESSIONS} sessions, {len(times)} steps and lassos: median {median:.3f} s, "
        f"95 % below {most:.3f} s, longest {longest:.3f} s; {len(errors)} errors"
    )
    for error in errors[:3]:
        print(f"  {error!r}")
    for visitor in visitors:
        visitor.close()


def main() -> None:
    """Serve the page and let the crowd in."""
    with serve() as address:
        asyncio.run(crowd(address))


if __name__ == "__main__":
    main()
