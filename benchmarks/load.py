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
    drawn = visitor.models[visitor.find(name="map-0")]["renderers"]
    named = {visitor.models[each["id"]].get("name"): visitor.models[each["id"]] for each in drawn}
    rest = visitor.models[named["rest"]["data_source"]["id"]]
    brushed = named["rings"]["data_source"]["id"]
    first, size = chance.randrange(3000), chance.randrange(50, 400)
    began, heard = time.perf_counter(), len(visitor.heard)
    await visitor.set(rest["selected"]["id"], indices=list(range(first, first + size)))
    await visitor.until(lambda: any(brushed in changed for _, changed in visitor.heard[heard:]))
    return next(at for at, changed in visitor.heard[heard:] if brushed in changed) - began


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
