"""Memory of the server over sessions: what stays when users have come, brushed and gone.

    python -m benchmarks memory

Twelve users open the page on carbon, draw a lasso, move the budget and leave; five times. Each
time the resident memory of the server is read once their sessions have ended and it has been idle.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from benchmarks.page import serve
from benchmarks.visitors import Visitor

USERS, ROUNDS = 12, 5
#: Seconds after which the server has ended the sessions of closed tabs (it looks every 17).
GONE = 45


async def _lasso(visitor: Visitor) -> None:
    """Brush the left half of the first map."""
    corners = [-1e6, 0.0, 0.0, -1e6], [-1e6, -1e6, 1e6, 1e6]
    geometry = {"type": "poly", "x": corners[0], "y": corners[1]}
    values = {"model": {"id": visitor.find(name="map-0")}, "geometry": geometry, "final": True}
    event = {
        "type": "event",
        "name": "selectiongeometry",
        "values": {"type": "map", "entries": [[name, _plain(x)] for name, x in values.items()]},
    }
    before = len(visitor.heard)
    await visitor.tell({"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": event})
    await visitor.until(lambda: len(visitor.heard) > before)


def _plain(value: object) -> object:
    if isinstance(value, dict) and "id" not in value:
        return {"type": "map", "entries": [[name, x] for name, x in value.items()]}
    return value


async def _visit(address: str) -> None:
    visitor = Visitor(address)
    await visitor.open()
    await visitor.until(lambda: visitor.has(name="map-0"), seconds=300)
    await _lasso(visitor)
    await asyncio.sleep(2)
    visitor.close()


async def _measure(address: str) -> list[float]:
    """Return the server's memory after each round, MB."""
    found = []
    for _ in range(ROUNDS):
        for _ in range(USERS):
            await _visit(address)
        await asyncio.sleep(GONE)
        found.append(_resident())
        print(f"after {USERS * len(found)} sessions: {found[-1]:.0f} MB", flush=True)
    return found


def _resident() -> float:
    """Return the memory of the process that this one has started, MB."""
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text()
    status = Path(f"/proc/{children.split()[0]}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1000


def main() -> None:
    """Serve the page, visit it and print what stays."""
    with serve() as address:
        found = asyncio.run(_measure(address))
    print(f"last over first: {found[-1] / found[0]:.3f}")


if __name__ == "__main__":
    main()
