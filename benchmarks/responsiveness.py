"""How long the server's event loop is kept from answering, and who waits for whom.

    python -m benchmarks responsiveness

User A goes through the stages on carbon, then opens wbe_snap2019 (531 642 environments) and goes
through them again; user B moves the budget on carbon all the while. Both are raw websocket clients
(`benchmarks.visitors`), the server is watched from inside (`benchmarks.watched_server`): a callback
counts by the processor time of the loop's thread as well as by the clock, as other work on the
machine makes the clock run on. Pages and stages that are being built are told apart.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from benchmarks.page import serve
from benchmarks.visitors import Visitor

LARGE = Path(__file__).resolve().parents[2] / "shared/data/wbe_snap2019.xyz.gz"
#: Callbacks in which a page or a stage is built: measured by `benchmarks.page`.
BUILDING = ("Room.fill", "_furnish", "Page.__init__", "Page._show_stage", "publish", "app.py")
#: By what a stage is known to be there: one of its buttons.
SHOWS = {
    "Data": "Open path",
    "Review": "Reject copies",
    "Compare": "Tighten",
    "Retrain": "Compute",
    "Density": "Train",
}
#: What nothing but building may exceed, seconds.
AIM = 0.05
#: Seconds between two steps of user B.
PAUSE = 1.0


async def step(visitor: Visitor, by: int) -> float:
    """Move the budget slider; return the seconds until the curves have followed."""
    slider = visitor.find(label="Structures to keep")
    marker = visitor.find(name="budget-overlap")
    began, heard = time.perf_counter(), len(visitor.heard)
    await visitor.set(slider, value=visitor.models[slider]["value"] + by)
    await visitor.until(lambda: any(marker in changed for _, changed in visitor.heard[heard:]))
    return next(at for at, changed in visitor.heard[heard:] if marker in changed) - began


async def steps(visitor: Visitor, times: list[float], count: int | None = None) -> None:
    """Move the budget up and down every second, so many times or until cancelled."""
    done = 0
    while count is None or done < count:
        times.append(await step(visitor, 3 if done % 2 else -3))
        done += 1
        await asyncio.sleep(PAUSE)


@asynccontextmanager
async def meanwhile(work: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Do something for as long as the block takes."""
    task = asyncio.ensure_future(work())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def press(visitor: Visitor, label: str) -> None:
    """Click a button."""
    button = visitor.find(label=label)
    await visitor.set(button, clicks=visitor.models[button].get("clicks", 0) + 1)


async def open_file(visitor: Visitor, path: Path) -> None:
    """Open a file on the server by its path, and wait until it is shown."""
    await show(visitor, "Data")
    field = visitor.find(label="or a path on the machine that runs Winnow")
    await visitor.set(field, value=str(path))
    await press(visitor, "Open path")
    name = f"<b>{path.name}</b>"
    await visitor.until(lambda: visitor.says(name), seconds=1200)


async def show(visitor: Visitor, stage: str, seconds: float = 0.0) -> None:
    """Choose a stage and look at it for so long."""
    await visitor.set(visitor.find(label="Stage"), value=stage)
    await visitor.until(lambda: visitor.has(label=SHOWS[stage]))
    await asyncio.sleep(seconds)


async def tour(visitor: Visitor, seconds: float) -> None:
    """Go through the stages, and move the budget in each that has one."""
    for stage in ("Review", "Compare", "Retrain", "Density", "Data", "Compare"):
        await show(visitor, stage, seconds)
        if stage in ("Compare", "Retrain"):
            await step(visitor, 5)
            await asyncio.sleep(1.0)


def told(notes: Path, since: float, until: float) -> list[dict[str, Any]]:
    """Return the callbacks that began between two times."""
    found = [json.loads(line) for line in notes.read_text().splitlines()]
    return [each for each in found if since <= each["at"] < until]


def report(what: str, callbacks: list[dict[str, Any]]) -> None:
    """Print the longest callbacks of a phase, those that build apart."""
    building = [c for c in callbacks if any(word in c["where"] for word in BUILDING)]
    others = [c for c in callbacks if c not in building]
    over = [c for c in others if c["cpu"] > AIM]
    longest = max((c["seconds"] for c in building), default=0.0)
    print(f"{what}: {len(over)} callbacks above {1e3 * AIM:.0f} ms of processor time")
    for each in sorted(others, key=lambda c: -c["cpu"])[:6]:
        print(
            f"  {1e3 * each['cpu']:6.0f} ms processor {1e3 * each['seconds']:6.0f} ms clock  "
            f"{each['where']}"
        )
    print(f"  building pages and stages: {len(building)}, longest {1e3 * longest:.0f} ms clock")


async def measure(address: str, notes: Path) -> None:
    """Run both users and print what they met."""
    a, b = Visitor(address), Visitor(address)
    await a.open()
    await b.open()
    await b.until(lambda: b.has(name="budget-overlap"), seconds=300)
    await asyncio.sleep(12)  # until what is prepared ahead is over
    idle: list[float] = []
    await steps(b, idle, 12)
    base = statistics.median(idle)
    print(f"budget step of user B, idle: {_words(idle)}", flush=True)

    async def phase(what: str, work: Awaitable[None]) -> None:
        times: list[float] = []
        began = time.perf_counter()
        async with meanwhile(lambda: steps(b, times)):
            await work
        report(what, told(notes, began, time.perf_counter()))
        if times:
            ratio = statistics.median(times) / base
            words = f"{_words(times)}, {ratio:.1f} times idle"
            print(f"  budget step of user B meanwhile: {words}", flush=True)

    await phase("stages on carbon", tour(a, 8.0))
    if LARGE.is_file():
        await phase(f"{LARGE.name} is opened", open_file(a, LARGE))
        await phase(f"stages on {LARGE.name}", tour(a, 10.0))
    a.close()
    b.close()


def _words(times: list[float]) -> str:
    low, high = min(times), max(times)
    return f"{statistics.median(times):.3f} s ({low:.3f} to {high:.3f}, {len(times)} steps)"


def main() -> None:
    """Serve the page under watch and measure."""
    with tempfile.TemporaryDirectory() as folder:
        notes = Path(folder) / "notes"
        notes.touch()
        command = [sys.executable, "-m", "benchmarks.watched_server", str(notes)]
        with serve(command) as address:
            asyncio.run(measure(address, notes))


if __name__ == "__main__":
    main()
