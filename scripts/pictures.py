"""Take the pictures of README.md and the documentation anew: every stage, on the carbon set.

    python scripts/pictures.py [STAGE ...]

Serves the page from this checkout, looks at each stage as a visitor would, and writes
`docs/pictures/STAGE.webp`, 1440 x 900, and `compare_dark.webp`. Needs Chromium. The
first training and the first density models take a minute.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
INTO = ROOT / "docs/pictures"
SIZE = {"width": 1440, "height": 900}
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-software-rasterizer"]
#: Longest wait for anything, milliseconds: kernels may have to be compiled.
LONG = 600_000


def _compare(page: Page) -> None:
    page.get_by_text("Find", exact=True).first.wait_for()
    page.get_by_text("of 551 structures").wait_for()


def _data(page: Page) -> None:
    page.get_by_text("Open your own file").wait_for()


def _review(page: Page) -> None:
    page.get_by_text("Near-duplicates").first.wait_for()


def _outliers(page: Page) -> None:
    page.get_by_text("row 1 of 300").wait_for()


def _retrain(page: Page) -> None:
    page.get_by_text("5 resamples").first.wait_for()


def _density(page: Page) -> None:
    page.get_by_text("Slice").first.wait_for()


def _learn(page: Page) -> None:
    page.locator(".verdict").first.wait_for()


#: Stage, what stands behind its name in the address, and what it waits for.
STAGES: dict[str, tuple[str, Callable[[Page], None]]] = {
    "Compare": ("", _compare),
    "Data": ("", _data),
    "Review": ("", _review),
    "Outliers": ("", _outliers),
    "Retrain": ("", _retrain),
    "Density": ("", _density),
    "Learn": ("&at=coverage/tenth~answer=70", _learn),
}


def _save(page: Page, name: str) -> None:
    page.mouse.move(700, 5)  # off everything that has a hint
    page.wait_for_timeout(1500)
    deadline = time.monotonic() + LONG / 1000
    before = b""
    while (now := page.screenshot()) != before and time.monotonic() < deadline:
        before = now
        page.wait_for_timeout(3000)
    INTO.mkdir(exist_ok=True)
    path = INTO / f"{name}.webp"
    Image.open(BytesIO(now)).convert("RGB").save(path, quality=90, method=6)
    print(path.relative_to(ROOT), flush=True)


def main(wanted: list[str]) -> None:
    """Serve, look, and write the pictures."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        own = {"WINNOW_CACHE": f"{folder}/cache", "WINNOW_SESSIONS": f"{folder}/sessions"}
        server = subprocess.Popen(
            [sys.executable, "-P", "-m", "analytics.cli", "serve", "--port", str(port)],
            env={**os.environ, **own, "PYTHONPATH": str(ROOT), "WINNOW_TOKEN": "pictures"},
            cwd=folder,
        )
        try:
            while not _listens(port):
                time.sleep(0.2)
            browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            page = browser.new_page(viewport=SIZE)
            page.set_default_timeout(LONG)
            address = f"http://localhost:{port}/app?token=pictures&stage="
            for stage, (place, ready) in STAGES.items():
                if wanted and stage.lower() not in wanted:
                    continue
                page.goto(f"{address}{stage}{place}", timeout=LONG)
                ready(page)
                page.get_by_text("redundant at width").first.wait_for()
                _save(page, stage.lower())
                if stage == "Compare":
                    page.get_by_role("button", name="Toggle theme").click()
                    _save(page, "compare_dark")
                    page.get_by_role("button", name="Toggle theme").click()
            browser.close()
        finally:
            server.terminate()
            server.wait(20)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


if __name__ == "__main__":
    main([name.lower() for name in sys.argv[1:]])
