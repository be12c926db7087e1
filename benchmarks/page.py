"""What a user of the page waits for, measured in a real browser.

    python -m benchmarks page

The application runs as a process of its own, on the carbon set that comes with it. The first visit
only warms it up; every later one is a new browser profile with an empty cache. Times are medians
and start with the user's own action: the address, the key, the end of the drag. They end when the
answer is on the screen (two animation frames after the last part has changed). Chromium is looked
for on the PATH, or named by CHROMIUM; it runs without a GPU.
"""

from __future__ import annotations

import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
VISITS, STEPS = 3, 11
SERVE = (sys.executable, "-m", "panel", "serve")
TIMEOUT = 90_000

#: Runs before any script of the page and notes when something was first to be seen.
WATCH = """
window.seen = {}
window.deep = (selector, root = document) => {
  const found = [...root.querySelectorAll(selector)]
  for (const node of root.querySelectorAll('*'))
    if (node.shadowRoot) found.push(...window.deep(selector, node.shadowRoot))
  return found
}
window.drawn = (work) => requestAnimationFrame(() => requestAnimationFrame(work))
const shown = (node) => node.checkVisibility() && node.getBoundingClientRect().height > 20
const marks = {
  // the served page begins with the score cards in a closed shadow tree; else the components
  answer: () => [...document.querySelectorAll('#winnow-first')].some(shown)
    || deep('.score').filter(shown).length >= 3
    && deep('.chip').some((node) => shown(node) && node.textContent.includes('redundant')),
  maps: () => !document.querySelector('#winnow-first')
    && (window.Bokeh?.documents ?? []).some((doc) => [0, 1, 2].every((i) => {
    const plot = doc.get_model_by_name(`map-${i}`)
    const view = plot && Bokeh.index.find_one(plot)
    return view?.is_idle && view.el.isConnected && view.el.getBoundingClientRect().height > 20
      && plot.renderers.some((r) => r.name.startsWith('rest') && r.data_source.get_length() > 0)
  })),
}
const look = () => {
  for (const [name, test] of Object.entries(marks))
    if (!(name in seen) && test()) {
      seen[name] = 0
      drawn(() => { seen[name] = performance.now() })
    }
  if (Object.keys(marks).some((name) => !(name in seen))) setTimeout(look, 40)
}
setTimeout(look, 20)
"""

#: Resolves with the milliseconds between a user's event and the last part that follows it.
FOLLOW = """
([event, what]) => {
  const doc = Bokeh.documents[0]
  const sources = [0, 1, 2].flatMap((i) => [`map-${i}`, `tail-${i}`]).map((name) =>
    doc.get_model_by_name(name).renderers.find((r) => r.name === 'kept').data_source)
  // remembered where they are: to search all shadow trees at each look would slow down the page
  const places = (selector) => deep(selector).map((node) => node.getRootNode())
  const cards = places('.env'), head = places('.head').at(-1)
  const text = (root, selector) => root.querySelector(selector)?.textContent
  const state = {
    budget: () => [...sources.map((s) => s.data), ...cards.map((root) => text(root, '.env'))],
    brush: () => [text(head, '.head')],
  }[what]
  const before = state()
  const done = () => state().every((value, i) => value !== before[i])
    && (what === 'budget' || deep('.tabulator-row').length > 0)
  window.follow = new Promise((resolve) => window.addEventListener(event, (e) => {
    const wait = () => done() ? drawn(() => resolve(performance.now() - e.timeStamp))
      : setTimeout(wait, 10)
    wait()
  }, { once: true, capture: true }))
}
"""


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def serve(command: Sequence[str] = SERVE) -> Iterator[str]:
    """Run the application as `make serve` does; give its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("w") as log:
        process = subprocess.Popen(
            [*command, "app.py", "--warm", "--port", str(port)],
            cwd=ROOT,
            env={**os.environ, "WINNOW_CACHE": str(Path(folder) / "cache")},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            until = time.monotonic() + 120
            while not _listens(port):
                if process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(Path(log.name).read_text())
                time.sleep(0.1)
            yield f"http://localhost:{port}/app"
        finally:
            process.terminate()
            process.wait(20)


@contextmanager
def visit(browser: Browser, address: str) -> Iterator[Page]:
    """Open the page in a window with an empty cache and wait until its maps are drawn."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.set_default_timeout(TIMEOUT)
    page.add_init_script(WATCH)
    page.goto(address)
    page.wait_for_function("seen.answer && seen.maps")
    yield page
    context.close()


def opening(page: Page) -> dict[str, float]:
    """Return when the parts of an opening page were there, seconds after the address was given."""
    times = page.evaluate(
        "({byte: performance.getEntriesByType('navigation')[0].responseStart, ...seen})"
    )
    return {
        "first byte of the response": times["byte"] / 1e3,
        "answer on the screen (name, redundancy, three score cards)": times["answer"] / 1e3,
        "maps drawn, page interactive": times["maps"] / 1e3,
    }


def budget_steps(page: Page) -> list[float]:
    """Move the budget slider by its keys; return the seconds of each step."""
    page.locator(".budget input[type=range]").first.focus()
    times = []
    for step in range(STEPS):
        page.evaluate(FOLLOW, ["keydown", "budget"])
        page.keyboard.press("ArrowRight" if step < STEPS // 2 + 1 else "ArrowLeft")
        times.append(page.evaluate("follow") / 1e3)
        page.wait_for_timeout(200)
    return times[1:]


def brushes(page: Page) -> list[float]:
    """Draw three lassos in the first map; return the seconds from letting go to the table."""
    box = page.locator(".bk-Canvas").first.bounding_box()
    assert box is not None
    times = []
    for reach in (0.45, 0.3, 0.6, 0.4):
        left, top = box["x"] + 0.2 * box["width"], box["y"] + 0.2 * box["height"]
        wide, high = reach * box["width"], reach * box["height"]
        page.mouse.move(left, top)
        page.mouse.down()
        for x, y in ((wide, 0), (wide, high), (0, high), (0, 4)):
            page.mouse.move(left + x, top + y, steps=4)
        page.evaluate(FOLLOW, ["pointerup", "brush"])
        page.mouse.up()
        times.append(page.evaluate("follow") / 1e3)
        page.wait_for_timeout(400)
    return times


def measure(browser: Browser, address: str) -> dict[str, list[float]]:
    """Return all times, in seconds."""
    found: dict[str, list[float]] = {}
    with visit(browser, address):
        pass
    for _ in range(VISITS):
        with visit(browser, address) as page:
            for name, seconds in opening(page).items():
                found.setdefault(name, []).append(seconds)
            page.wait_for_timeout(1500)
            found.setdefault("budget step, everything changed", []).extend(budget_steps(page))
            first, *others = brushes(page)
            found.setdefault("first lasso, until the table is there", []).append(first)
            found.setdefault("later lassos", []).extend(others)
    return found


def show(found: dict[str, list[float]]) -> None:
    """Print medians and ranges."""
    print(f"{'seconds':60}{'median':>8}{'least':>8}{'most':>8}{'n':>4}")
    for name, times in found.items():
        middle = statistics.median(times)
        print(f"{name:60}{middle:8.2f}{min(times):8.2f}{max(times):8.2f}{len(times):4d}")


def main() -> None:
    path: Any = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not path:
        print("no chromium on the PATH, and CHROMIUM does not name one: nothing measured")
        return
    load = os.getloadavg()[0]
    with serve() as address, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=path, args=FLAGS)
        found = measure(browser, address)
        browser.close()
    cores = os.cpu_count()
    print(f"page, Chromium without GPU, {cores} cores, load {load:.1f} to {os.getloadavg()[0]:.1f}")
    show(found)


if __name__ == "__main__":
    main()
