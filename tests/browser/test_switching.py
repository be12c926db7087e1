"""Another stage is seen at the click, whatever the server is doing."""

import os
import re
import signal
from contextlib import contextmanager

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

FIRST_PAGE = 180_000
#: What is only seen on one stage, once it has been filled, and what its skeleton says until then.
SEEN = {
    # the line for a first visitor says "open your own file" on Compare
    "Data": (re.compile("Open your own file"), "Listing what was read"),
    "Review": ("near-duplicate structures", "Looking for near-duplicates"),
    "Compare": ("Fewest structures for", "Drawing the maps"),
    "Retrain": ("Error against budget", "Training potentials"),
    "Density": ("Published claims", "Loading precomputed densities"),
    "Learn": ("Learn by predicting", "Fetching the lessons"),
}


@contextmanager
def stopped(process):
    """Keep the server from doing anything at all."""
    os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process.pid, signal.SIGCONT)


def choose(page, name):
    page.get_by_role("button", name=name, exact=True).click()


def only(page, stage, filled):
    """Wait until this stage is all that is seen, filled or as a skeleton."""
    there = page.get_by_text(SEEN[stage][0 if filled else 1]).first
    expect(there).to_be_visible()
    for other, texts in SEEN.items():
        for text in texts if other != stage else texts[filled:][:1]:
            for found in page.get_by_text(text).all():
                expect(found).not_to_be_visible()


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="processes cannot be stopped here")
def test_stages_change_while_the_server_does_nothing(visit, serving):
    visitor, (_, process) = visit(), serving
    page = visitor.page
    only_compare = page.get_by_text(SEEN["Compare"][0]).first
    expect(only_compare).to_be_visible(timeout=FIRST_PAGE)
    page.locator("#winnow-first").wait_for(state="detached")
    with stopped(process):
        for name in ("Review", "Retrain", "Density", "Data", "Compare", "Review"):
            choose(page, name)
            only(page, name, filled=name == "Compare")
        expect(page.locator(".budget").first).to_be_visible()
        choose(page, "Density")  # has a budget of its own, and no inspector
        expect(page.locator(".budget").first).not_to_be_visible()
        expect(page.get_by_role("complementary", name="Structure inspector")).not_to_be_visible()
        choose(page, "Data")
    only(page, "Data", filled=True)  # when the server goes on, the last that was asked for comes
    for name in ("Review", "Compare", "Density"):
        choose(page, name)
        only(page, name, filled=True)
    visitor.check()
