"""Gestures of a user in a real browser: when the page answers, when it has followed, at what cost.

Nothing of the page is known here but names that a user sees. What changes is watched from within
the browser, from before the first script of the page: every shadow tree for changes of elements
and texts, every canvas for drawing. A gesture begins with the user's own event; it is *answered*
when the first change is on the screen, and *over* when the last one is (two animation frames after
it), which is known once the page has been quiet for a while.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from playwright.sync_api import Browser, Page

__all__ = ["WATCH", "Cost", "Costs", "Watcher", "rest", "settle"]

#: Milliseconds without any change after which a gesture counts as over.
QUIET = 1500
#: Milliseconds until a gesture must be over: a method may have to be worked out.
PATIENCE = 600_000

WATCH = """
window.watched = { began: 0, answer: 0, last: 0, frames: 0, timers: 0 };
(() => {
  const frame = window.requestAnimationFrame.bind(window)
  const timer = window.setTimeout.bind(window)
  let queued = false
  const note = () => {
    const now = performance.now()
    if (!watched.answer) watched.answer = now
    watched.last = now
  }
  const changed = () => {
    if (queued) return
    queued = true
    frame(() => { queued = false; frame(note) })
  }
  const observer = new MutationObserver(changed)
  const all = { attributes: true, childList: true, characterData: true, subtree: true }
  observer.observe(document, all)
  const attach = Element.prototype.attachShadow
  Element.prototype.attachShadow = function (...options) {
    const root = attach.apply(this, options)
    observer.observe(root, all)
    return root
  }
  const canvas = CanvasRenderingContext2D.prototype
  for (const name of ['clearRect', 'drawImage', 'putImageData']) {
    const draw = canvas[name]
    canvas[name] = function (...what) { changed(); return draw.apply(this, what) }
  }
  window.requestAnimationFrame = (work) => frame((at) => { watched.frames += 1; work(at) })
  window.setTimeout = (work, ...how) =>
    timer((...what) => { watched.timers += 1; work(...what) }, ...how)
  window.expectEvent = (type) => {
    watched.began = Infinity
    window.addEventListener(type, (event) => {
      Object.assign(watched, { began: event.timeStamp, answer: 0, last: event.timeStamp })
    }, { once: true, capture: true })
  }
  window.deep = (selector, root = document) => {
    const found = [...root.querySelectorAll(selector)]
    for (const node of root.querySelectorAll('*'))
      if (node.shadowRoot) found.push(...window.deep(selector, node.shadowRoot))
    return found
  }
  const shown = (node) => node.checkVisibility() && node.getBoundingClientRect().height > 20
  const marks = {
    // the served page begins with the score cards in a closed shadow tree; else the components
    words: () => [...document.querySelectorAll('#winnow-first')].some(shown)
      || deep('.score').filter(shown).length > 0,
    maps: () => !document.querySelector('#winnow-first')
      && (window.Bokeh?.documents ?? []).some((doc) => {
      const plot = doc.get_model_by_name('map-0')
      const view = plot && Bokeh.index.find_one(plot)
      return view?.is_idle && view.el.isConnected && view.el.getBoundingClientRect().height > 20
    }),
  }
  window.seen = {}
  const look = () => {
    for (const [name, test] of Object.entries(marks))
      if (!(name in seen) && test()) {
        seen[name] = 0
        frame(() => frame(() => { seen[name] = performance.now() }))
      }
    if (Object.keys(marks).some((name) => !(name in seen))) timer(look, 40)
  }
  timer(look, 20)
})()
"""
#: Whether nothing has changed for a while, and no work is under way that will change something.
OVER = """(quiet) => performance.now() - watched.last > quiet
  && !deep('[role=progressbar][aria-label=Progress]').some((bar) => bar.checkVisibility())"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a gesture took: seconds by the clock, and of processors.

    Attributes
    ----------
    answered, over : float
        Seconds from the user's event to the first and the last change on the screen.
    server, workers, tab : float
        Processor seconds until the page was quiet again: of the server, of its worker processes,
        of the tab (renderer and compositor of Chromium).
    callback : float
        Seconds of the longest callback of the server's event loop.
    busy : float
        Processor seconds of the loop's thread in it: the rest of it waited for others.
    where : str
        The code that this callback was in for most of its time.
    """

    answered: float
    over: float
    server: float
    workers: float
    tab: float
    callback: float
    busy: float
    where: str


#: The names of those fields that are seconds.
NUMBERS = tuple(field.name for field in fields(Cost) if field.name != "where")


class Costs:
    """Costs of gestures by name, as a table of medians."""

    def __init__(self) -> None:
        self._of: dict[str, list[Cost]] = {}
        self._told: set[str] = set()

    def add(self, name: str, cost: Cost) -> None:
        """Note one more."""
        self._of.setdefault(name, []).append(cost)

    def news(self) -> Iterator[str]:
        """Write the lines of what has been noted since, milliseconds; the head comes first."""
        if not self._told:
            names = "".join(f"{name:>9}" for name in NUMBERS)
            yield f"{'milliseconds, median':44}{names}{'n':>5}  longest callback in"
        for name in [name for name in self._of if name not in self._told]:
            self._told.add(name)
            costs = self._of[name]
            values = (1e3 * median(getattr(c, number) for c in costs) for number in NUMBERS)
            told = "".join(f"{value:9.0f}" for value in values)
            longest = max(costs, key=lambda cost: cost.callback)
            yield f"{name:44}{told}{len(costs):5d}  {longest.where}"


#: Fields of /proc/PID/stat after the name: seconds of the process, and of children that have ended.
OWN, ENDED = 11, 13


def _seconds(pid: int, whose: int) -> float:
    """Return the processor seconds that a process has used; none for one that has ended."""
    try:
        said = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return (int(said[whose]) + int(said[whose + 1])) / os.sysconf("SC_CLK_TCK")


def _children(pid: int) -> list[int]:
    """Return the processes that descend from one."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found += [child, *_children(child)]
    return found


class Watcher:
    """Reads the clocks of the server, its workers and the browser.

    Parameters
    ----------
    browser : Browser
        With one page open at a time.
    server : int
        Its process.
    notes : Path
        Of `benchmarks.watched_server`.
    """

    def __init__(self, browser: Browser, server: int, notes: Path) -> None:
        self._session = browser.new_browser_cdp_session()
        self._server, self._notes = server, notes

    def clocks(self) -> tuple[float, float, float]:
        """Return the processor seconds of server, workers and tab until now."""
        told = self._session.send("SystemInfo.getProcessInfo")["processInfo"]
        tab = sum(each["cpuTime"] for each in told if each["type"] in ("renderer", "GPU"))
        others = _children(self._server)
        ended = sum(_seconds(pid, ENDED) for pid in (self._server, *others))
        return _seconds(self._server, OWN), ended + sum(_seconds(p, OWN) for p in others), tab

    def longest(self, since: float) -> tuple[float, float, str]:
        """Return the longest callback of the loop since a time: seconds, busy seconds, where."""
        told = map(json.loads, self._notes.read_text().splitlines())
        later = ((e["seconds"], e["cpu"], e["where"]) for e in told if e["at"] >= since)
        return max(later, default=(0.0, 0.0, ""))

    def callbacks(self) -> int:
        """Return how many callbacks the server's loop has run, as of a second ago."""
        counted = self._notes.with_name(f"{self._notes.name}.count")
        return int(counted.read_text() or 0) if counted.exists() else 0

    def gesture(self, page: Page, event: str, act: Callable[[], Any]) -> Cost:
        """Do something that causes an event of the browser, and wait until it is over."""
        before, since = self.clocks(), perf_counter()
        page.evaluate("(type) => expectEvent(type)", event)
        act()
        settle(page)
        used = [b - a for a, b in zip(before, self.clocks(), strict=True)]
        times = page.evaluate("watched")
        answered = max(times["answer"] - times["began"], 0) / 1e3
        over = max(times["last"] - times["began"], 0) / 1e3
        return Cost(answered, over, used[0], used[1], used[2], *self.longest(since))


def settle(page: Page) -> None:
    """Wait until the page is quiet."""
    page.wait_for_function(OVER, arg=QUIET, polling=100, timeout=PATIENCE)


def rest(page: Page, watcher: Watcher, seconds: float) -> str:
    """Say what an untouched page costs, per second."""
    settle(page)
    page.wait_for_timeout(1000)
    counts = "({frames: watched.frames, timers: watched.timers})"
    before, counted, began = watcher.clocks(), page.evaluate(counts), perf_counter()
    calls = watcher.callbacks()
    page.wait_for_timeout(1e3 * seconds)
    took = perf_counter() - began
    used = [(b - a) / took for a, b in zip(before, watcher.clocks(), strict=True)]
    calls = watcher.callbacks() - calls
    now = page.evaluate(counts)
    frames, timers = ((now[name] - counted[name]) / took for name in ("frames", "timers"))
    return (
        f"at rest, each second: processor seconds of server {used[0]:.3f} (its watch included), "
        f"workers {used[1]:.3f}, tab {used[2]:.3f}; callbacks of the server {calls / took:.1f}, "
        f"animation frames {frames:.1f}, timers {timers:.1f}"
    )
