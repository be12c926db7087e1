"""The static site opens from disk: no server, no request, nothing said in the console."""

import re
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

from analytics.data.readers import read
from analytics.descriptors.distances import describe
from analytics.information.analysis import analyse
from analytics.information.kernel import KernelSpec
from views.learn import site
from views.learn.lab import Lab
from views.learn.lessons.maps import Maps
from views.state.session import DEMO


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The site of one lesson on a small part of carbon."""
    data = read(DEMO)
    chosen = data.take(np.arange(0, data.n_structures, 12))
    found = analyse(chosen, describe(chosen), KernelSpec(0.04))

    class Small(Lab):
        def carbon(self):
            return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(site, "lessons_in_order", lambda: [Maps])
        return site.build(tmp_path_factory.mktemp("site"), Small())


def test_pages_ask_for_nothing_outside_their_folder(pages):
    names = {path.name for path in pages}
    assert {"index.html", "maps.html", "maps-dark.html", "carbon.html"} <= names
    for path in pages:
        if path.suffix != ".html":
            continue
        text = path.read_text()
        asked = re.findall(r"""<(?:script|link|img|iframe)[^>]*?\s(?:src|href)="([^"]+)""", text)
        assert not [one for one in asked if not one.startswith("data:") and one not in names]
        assert not re.search(r"@import|url\((?!['\"]?data:)", text)
        for target in re.findall(r'<a href="([^"]+)"', text):
            assert target in names or target.startswith(("https://doi.org/", "https://arxiv.org/"))


def test_answers_are_there_right_and_wrong(pages):
    text = next(path for path in pages if path.name == "maps.html").read_text()
    for option in Maps.screen("winner").question.options:
        assert f"<summary>{option}</summary>" in text
    assert "Show, once you have predicted" in text


def test_a_lesson_opens_from_disk(pages, quiet_browser):
    page = quiet_browser.new_page(viewport={"width": 700, "height": 900})
    said, asked = [], []
    page.on(
        "console",
        lambda message: said.append(message.text) if message.type in ("error", "warning") else None,
    )
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(Path(pages[0]).as_uri())
    page.get_by_role("link", name="Why a map lies").click()
    cover = page.get_by_text("Show, once you have predicted").first
    expect(page.locator(".bk-Canvas canvas").last).to_be_visible()
    first = page.locator(".screen").first
    expect(first.locator("canvas").first).to_be_hidden()
    cover.click()
    expect(first.locator("canvas").first).to_be_visible()
    first.get_by_text("B, which lies on it", exact=True).first.click()
    expect(first.get_by_text("C, which lies aside").first).to_be_visible()
    page.get_by_role("link", name="Dark").click()
    expect(page.locator("html")).to_have_css("color-scheme", "dark")
    assert page.evaluate("document.documentElement.scrollWidth") <= 700
    page.close()
    assert said == []
    assert all(url.startswith(("file:", "data:", "blob:")) for url in asked)
