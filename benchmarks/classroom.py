"""A class of 30 on one server: how long a step of a lesson takes.

    python -m benchmarks classroom [--learners 30] [--minutes 4] [--pause 8]

First somebody goes through all lessons alone, as a teacher does beforehand: what is worked out once
for everybody is then known, and the longest wait is printed. Then 30 learners (raw websocket
clients, `benchmarks.visitors`) open the page and go through the lessons, spread over lessons
and screens, and resting some seconds between two steps. A step is a screen that is turned, or
an answer that is given; it ends when the server has sent all that belongs to it: words, plots and
verdict.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.page import SERVE, served
from benchmarks.visitors import Visitor
from views.learn.controls import Choose, Task
from views.learn.lesson import CHECK, PREDICT, Lesson, Screen, lessons_in_order

__all__ = ["main"]

#: Seconds that 95 of 100 steps should not exceed.
AIM = 1.0
WORKING = "Working it out"
#: What stands in a verdict.
SAID = ("You said", "Right:", "Not ", "Done.", "Not yet")


class Learner:
    """One of the class.

    Parameters
    ----------
    address : str
    lesson : class
    at : int
        Number of the screen that is begun with.
    """

    def __init__(self, address: str, lesson: type[Lesson], at: int = 0) -> None:
        self.lesson, self.at, self._by = lesson, at % len(lesson.screens), 1
        self._visitor = Visitor(f"{address}?stage=Learn&at={lesson.name}/{self.screen.name}")
        self.times: dict[str, list[float]] = {"screen turned": [], "answer": []}

    @property
    def screen(self) -> Screen:
        """The screen that is looked at."""
        return self.lesson.screens[self.at]

    async def open(self) -> float:
        """Open the page; return the seconds until the first screen is there."""
        began = time.perf_counter()
        await self._visitor.open()
        await self._until(self._is_there)
        return time.perf_counter() - began

    def close(self) -> None:
        """Leave."""
        self._visitor.close()

    async def step(self) -> None:
        """Answer the screen if it asks something that was not answered yet, then turn it."""
        screen = self.screen
        if screen.kind in (PREDICT, CHECK) and not self._told():
            self.times["answer"].append(await self._timed(self._answer, self._told))
        else:
            self.times["screen turned"].append(await self._timed(self._turn, self._is_there))

    async def _timed(self, act: Callable[[], Any], done: Callable[[], bool]) -> float:
        began = time.perf_counter()
        await act()
        await self._until(done)
        return time.perf_counter() - began

    async def _until(self, done: Callable[[], bool]) -> None:
        await self._visitor.until(lambda: done() and not self._says(WORKING), seconds=300)

    # ---- gestures -------------------------------------------------------------------------------

    async def _turn(self) -> None:
        """Go to the next screen; from the last one back again, screen by screen."""
        last = len(self.lesson.screens) - 1
        self._by = {0: 1, last: -1}.get(self.at, self._by)
        self.at += self._by
        await self._press("Next" if self._by > 0 else "Back")

    async def _answer(self) -> None:
        screen = self.screen
        question = screen.question
        if isinstance(question, Choose):
            field = self._latest(label=question.ask)
            await self._visitor.set(field, value=random.choice(question.options))
        elif not isinstance(question, Task):
            field = self._latest_of(lambda each: str(each.get("label")).startswith("Your answer"))
            await self._visitor.set(field, value="12")
        label = "Show" if screen.kind == PREDICT else "Check"
        # findings have buttons of this name too; theirs do not look like the main one
        button = self._latest_of(
            lambda each: (
                each.get("label") == label and each.get("variant", "contained") == "contained"
            )
        )
        await self._click(button)

    async def _press(self, label: str) -> None:
        await self._click(self._latest(label=label))

    async def _click(self, model: str) -> None:
        clicks = self._visitor.models[model].get("clicks", 0)
        await self._visitor.set(model, clicks=clicks + 1)

    # ---- what is there --------------------------------------------------------------------------

    def _latest(self, **wanted: Any) -> str:
        return self._latest_of(lambda each: all(each.get(k) == v for k, v in wanted.items()))

    def _latest_of(self, fits: Callable[[dict[str, Any]], bool]) -> str:
        found = [name for name, each in self._visitor.models.items() if fits(each)]
        if not found:
            raise LookupError(f"nothing of the kind on {self._where()}")
        return found[-1]

    def _where(self) -> str:
        return f"{self.lesson.name}/{self.screen.name}"

    def _says(self, text: str) -> bool:
        return self._visitor.says(text)

    def _is_there(self) -> bool:
        number = f"{self.at + 1} of {len(self.lesson.screens)}"
        return self._says(number) and self._says(self.screen.title)

    def _told(self) -> bool:
        return any(
            "verdict " in text and any(said in text for said in SAID)
            for each in self._visitor.models.values()
            if isinstance(text := each.get("text"), str)
        )


def _words(times: list[float]) -> str:
    half, most = np.percentile(times, [50, 95])
    return f"p50 {half:.2f} s, p95 {most:.2f} s, longest {max(times):.2f} s ({len(times)} steps)"


async def _alone(address: str) -> None:
    """Go through everything once, alone."""
    for lesson in lessons_in_order():
        learner = Learner(address, lesson)
        times = [await learner.open()]
        while learner.at < len(lesson.screens) - 1:
            await learner.step()
        times += learner.times["screen turned"] + learner.times["answer"]
        print(f"alone, {lesson.name}: longest {max(times):.1f} s of {len(times)}", flush=True)
        learner.close()


def _processor(server: int) -> float:
    """Return the processor seconds of the server's process until now, its workers not included."""
    fields = Path(f"/proc/{server}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _class(
    address: str, server: int, learners: int, minutes: float, pause: float
) -> list[float]:
    lessons = lessons_in_order()
    group = [
        Learner(address, lessons[at % len(lessons)], at // len(lessons)) for at in range(learners)
    ]
    opened = []
    for each in group:  # they come in one after the other
        opened.append(await each.open())
    print(f"{learners} pages opened, p50 {statistics.median(opened):.1f} s each", flush=True)
    until = time.monotonic() + 60 * minutes
    load, before = os.getloadavg()[0], _processor(server)

    async def go(learner: Learner) -> None:
        await asyncio.sleep(random.uniform(0, pause))
        while time.monotonic() < until:
            await learner.step()
            await asyncio.sleep(random.uniform(0.5, 1.5) * pause)

    for answer in await asyncio.gather(*map(go, group), return_exceptions=True):
        if isinstance(answer, BaseException):
            print(f"a learner was lost: {answer!r}", flush=True)
    print(f"load of the machine {load:.1f} before, {os.getloadavg()[0]:.1f} after", flush=True)
    spent = _processor(server) - before
    times: list[float] = []
    for what in ("screen turned", "answer"):
        own = [seconds for each in group for seconds in each.times[what]]
        if own:
            print(f"{what}: {_words(own)}", flush=True)
        times += own
    print(f"the server's processor: {spent / max(1, len(times)):.2f} s for a step")
    for each in group:
        each.close()
    return times


async def _measure(address: str, server: int, asked: argparse.Namespace) -> None:
    await _alone(address)
    times = await _class(address, server, asked.learners, asked.minutes, asked.pause)
    met = np.percentile(times, 95) < AIM
    print(f"all steps: {_words(times)}; below {AIM:g} s: {'yes' if met else 'no'}")


def main(given: list[str]) -> None:
    """Serve the page, and let a class take the lessons."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks classroom")
    parser.add_argument("--learners", type=int, default=30)
    parser.add_argument("--minutes", type=float, default=4.0)
    parser.add_argument("--pause", type=float, default=8.0, help="seconds between two steps, mean")
    asked = parser.parse_args(given)
    with served(SERVE, None) as (address, server):
        asyncio.run(_measure(address, server, asked))


if __name__ == "__main__":
    main(sys.argv[1:])
