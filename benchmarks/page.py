"""What each gesture on the page costs: wall and processor time of server and tab.

    python -m benchmarks page [--times 20] [--visits 5] [--only lasso zoom] [carbon] [wbe]

The application runs as a process of its own, on the carbon set that comes with it (24 000
environments) and on wbe_snap2019 (531 642), where that is there. The first visit only warms it up;
every later one is a new browser profile with an empty cache. Figures are medians; beside them
stands the code that the longest callback of the server was in. Chromium is looked for on the PATH,
or named by CHROMIUM; it runs without a GPU. Results are kept for the run alone, unless WINNOW_CACHE
names a folder for them.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Locator, Page, sync_playwright

from benchmarks.gestures import WATCH, Cost, Costs, Watcher, rest, settle

ROOT = Path(__file__).resolve().parents[1]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
SERVE = (sys.executable, "-m", "panel", "serve")
#: Milliseconds: the first page of a large file is analysed when it is asked for.
TIMEOUT = 600_000
#: Sets that are measured, by name; None is what a page opens with.
SETS: dict[str, Path | None] = {
    "carbon": None,
    "wbe": ROOT.parent / "shared/data/wbe_snap2019.xyz.gz",
}
#: Seconds after which what is worked out ahead of being asked for has begun (`views.shell.server`).
AHEAD = 10
#: Seconds for which a page that nobody touches is watched.
AT_REST = 20


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def serve(command: Sequence[str] = SERVE, file: Path | None = None) -> Iterator[str]:
    """Run the application as `make serve` does; give its address."""
    with served(command, file) as (address, _):
        yield address


@contextmanager
def served(command: Sequence[str], file: Path | None) -> Iterator[tuple[str, int]]:
    """Run the application; give its address and its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    opened = [] if file is None else ["--args", str(file)]
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("w") as log:
        process = subprocess.Popen(
            [*command, "app.py", "--warm", "--port", str(port), *opened],
            cwd=ROOT,
            env={"WINNOW_CACHE": str(Path(folder) / "cache"), **os.environ},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            until = time.monotonic() + 120
            while not _listens(port):
                if process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(Path(log.name).read_text())
                time.sleep(0.1)
            yield f"http://localhost:{port}/app", process.pid
        finally:
            process.terminate()
            process.wait(20)


@contextmanager
def visit(browser: Browser) -> Iterator[Page]:
    """Give a window with an empty cache, that is watched from within."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.set_default_timeout(TIMEOUT)
    page.add_init_script(WATCH)
    yield page
    context.close()


def opening(page: Page, address: str, watcher: Watcher) -> tuple[str, Cost]:
    """Open the page; return when its parts were there, in words, and what it cost."""
    before, since = watcher.clocks(), time.perf_counter()
    page.goto(address)
    page.wait_for_function("seen.words && seen.maps", polling=100)
    settle(page)
    used = [b - a for a, b in zip(before, watcher.clocks(), strict=True)]
    found = page.evaluate("({...seen, ...watched})")
    words = f"words {found['words']:.0f} ms, maps {found['maps']:.0f} ms"
    cost = Cost(found["words"] / 1e3, found["last"] / 1e3, *used, *watcher.longest(since))
    return words, cost


def tab(page: Page, stage: str) -> Locator:
    """Return the button of a stage."""
    return page.get_by_role("group", name="Stage").get_by_role("button", name=stage)


def stages(page: Page) -> list[str]:
    """Return the titles of the stages in the order of the bar."""
    return page.get_by_role("group", name="Stage").get_by_role("button").all_inner_texts()


def look_round(page: Page, watcher: Watcher, costs: Costs) -> None:
    """Look at every stage for the first time, and once more."""
    titles = [title for title in stages(page) if not title.startswith("Compare")]
    for words in ("first look at", "again at"):
        for title in [*titles, "Compare"]:
            cost = watcher.gesture(page, "click", tab(page, title).click)
            costs.add(f"{words} {title.partition(' ')[0]}", cost)


def budget_steps(page: Page, watcher: Watcher, costs: Costs, times: int) -> None:
    """Move the budget slider by its keys, back and forth."""
    page.locator(".budget input[type=range]").first.focus()
    for step in range(times):
        key = "ArrowRight" if step % 4 < 2 else "ArrowLeft"
        costs.add("budget step", watcher.gesture(page, "keydown", lambda k=key: _press(page, k)))


def _press(page: Page, key: str) -> None:
    page.keyboard.press(key)


def _first_map(page: Page) -> dict[str, float]:
    box = page.locator(".bk-Canvas").first.bounding_box()
    assert box is not None
    return dict(box)


def lassos(page: Page, watcher: Watcher, costs: Costs, times: int) -> None:
    """Draw lassos of several sizes in the first map: from letting go of the mouse."""
    for at, reach in zip(range(times), cycle((0.45, 0.3, 0.6, 0.4))):
        box = _first_map(page)
        left, top = box["x"] + 0.2 * box["width"], box["y"] + 0.2 * box["height"]
        wide, high = reach * box["width"], reach * box["height"]
        page.mouse.move(left, top)
        page.mouse.down()
        for x, y in ((wide, 0), (wide, high), (0, high), (0, 4)):
            page.mouse.move(left + x, top + y, steps=4)
        name = "lasso" if at else "lasso, the first"
        costs.add(name, watcher.gesture(page, "pointerup", page.mouse.up))
    page.keyboard.press("Escape")
    settle(page)


def zooms(page: Page, watcher: Watcher, costs: Costs, times: int) -> None:
    """Turn the wheel over the first map, in and out."""
    page.evaluate(
        """() => { const { toolbar } = Bokeh.documents[0].get_model_by_name('map-0')
          toolbar.tools.find((tool) => tool.type === 'WheelZoomTool').active = true }"""
    )
    box = _first_map(page)
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    settle(page)
    for step in range(times):
        turn = -240 if step % 2 == 0 else 240
        act: Callable[[], None] = lambda by=turn: page.mouse.wheel(0, by)  # noqa: E731
        costs.add("zoom", watcher.gesture(page, "wheel", act))
    page.mouse.move(700, 5)


def choices(
    page: Page, watcher: Watcher, costs: Costs, times: int, label: str, what: str, undo: bool
) -> None:
    """Choose every option of a select in turn, and take each back where that can be undone."""
    box = page.get_by_role("combobox", name=label).first
    if box.count() == 0 or not box.is_visible():
        return
    seen: set[int] = set()
    for step in range(times):
        box.click()
        options = page.get_by_role("menuitem").or_(page.get_by_role("option"))
        options.first.wait_for()
        at = (step + 1) % options.count()
        name = f"{what}, {'again' if at in seen else 'the first time'}"
        seen.add(at)
        costs.add(name, watcher.gesture(page, "click", options.nth(at).click))
        page.evaluate("document.activeElement?.blur()")
        if undo:
            cost = watcher.gesture(page, "keydown", lambda: _press(page, "Control+z"))
            costs.add(f"undo of {what}", cost)


def recolourings(page: Page, watcher: Watcher, costs: Costs, times: int) -> None:
    """Colour by every property in turn."""
    choices(page, watcher, costs, times, "Colour by", "recolouring", False)


def methods(page: Page, watcher: Watcher, costs: Costs, times: int) -> None:
    """Choose every method for the first column in turn."""
    choices(page, watcher, costs, times, "Method of column 1", "another method", True)


#: What is done in one visit, by the name that `--only` knows it by.
GESTURES: dict[str, Callable[[Page, Watcher, Costs, int], None]] = {
    "budget": budget_steps,
    "lasso": lassos,
    "zoom": zooms,
    "recolour": recolourings,
    "method": methods,
}
#: What is watched besides: a page that nobody touches, pages that open, stages that are shown.
REST, OPEN, STAGES = "rest", "open", "stages"


def measure(browser: Browser, address: str, watcher: Watcher, asked: Any) -> Iterator[str]:
    """Make the gestures asked for; yield a line for each as soon as it is measured."""
    costs = Costs()
    with visit(browser) as page:
        yield f"opened cold: {opening(page, address, watcher)[0]}"
        page.wait_for_timeout(1e3 * AHEAD)
        settle(page)  # what is worked out ahead is there for all visits
    if asked.only & {REST, *GESTURES}:
        with visit(browser) as page:
            yield f"opened again: {opening(page, address, watcher)[0]}"
            page.wait_for_timeout(1e3 * AHEAD)
            if REST in asked.only:
                yield rest(page, watcher, AT_REST)
            for name in [name for name in GESTURES if name in asked.only]:
                GESTURES[name](page, watcher, costs, asked.times)
                yield from costs.news()
            if REST in asked.only:
                yield f"afterwards {rest(page, watcher, AT_REST)}"
    looks = asked.visits if STAGES in asked.only else 0
    for at in range(max(looks, asked.times if OPEN in asked.only else 0)):
        with visit(browser) as page:
            costs.add("open", opening(page, address, watcher)[1])
            if at < looks:
                look_round(page, watcher, costs)
    yield from costs.news()


def _arguments(words: list[str]) -> Any:
    parser = argparse.ArgumentParser(prog="python -m benchmarks page")
    parser.add_argument("sets", nargs="*", metavar="SET", help=", ".join(SETS))
    parser.add_argument("--times", type=int, default=20, help="of each gesture")
    parser.add_argument("--visits", type=int, default=5, help="that look at every stage")
    parts = (REST, *GESTURES, OPEN, STAGES)
    parser.add_argument("--only", nargs="+", choices=parts, default=parts, metavar="GESTURE")
    asked = parser.parse_args(words)
    asked.sets, asked.only = asked.sets or list(SETS), {*asked.only}
    for name in asked.sets:
        if name not in SETS:
            parser.error(f"there is no set {name}; there are {', '.join(SETS)}")
    return asked


def main(words: Sequence[str] = ()) -> None:
    """Measure what was asked for and print it."""
    asked = _arguments(list(words))
    path: Any = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not path:
        print("no chromium on the PATH, and CHROMIUM does not name one: nothing measured")
        return
    for name in asked.sets:
        file = SETS[name]
        if file is not None and not file.is_file():
            print(f"{name} is not there: nothing measured")
            continue
        load = os.getloadavg()[0]
        with tempfile.TemporaryDirectory() as folder, sync_playwright() as play:
            notes = Path(folder) / "notes"
            notes.touch()
            command = [sys.executable, "-m", "benchmarks.watched_server", str(notes)]
            with served(command, file) as (address, pid):
                browser = play.chromium.launch(executable_path=path, args=FLAGS)
                watcher = Watcher(browser, pid, notes)
                print(f"{name}: Chromium without GPU, {os.cpu_count()} cores", flush=True)
                for line in measure(browser, address, watcher, asked):
                    print(line, flush=True)
                browser.close()
        print(f"load {load:.1f} to {os.getloadavg()[0]:.1f}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
