"""Columns in a browser: one to four, what one keeps and another drops, a file of indices."""

import re

import pytest
from playwright.sync_api import expect
from test_page import Screen

pytestmark = pytest.mark.browser

LONG = 180_000


def test_columns_come_and_go_and_say_who_keeps_what(visit, tmp_path):
    mine = tmp_path / "mine.txt"
    mine.write_text("\n".join(str(index) for index in range(100, 140, 2)))
    visitor = visit()
    page, screen = visitor.page, Screen(visitor.page)
    expect(screen.chip).to_contain_text("carbon.xyz.gz", timeout=LONG)
    expect(screen.cards).to_have_count(3, timeout=LONG)
    columns = page.get_by_role("group", name="Columns", exact=True)

    columns.get_by_role("button", name="4").click()
    expect(screen.cards).to_have_count(4, timeout=LONG)
    expect(screen.method(3)).to_contain_text("Farthest mean", ignore_case=True)

    # the menu leads to what each method is for, and to selections of one's own
    screen.choose(3, "From a file, or a saved selection…")
    dialog = page.get_by_role("dialog", name="Method of column 4")
    dialog.get_by_role("button", name="be cheap").click()
    expect(dialog.get_by_role("button", name="Use Stratified")).to_be_visible()
    field = dialog.get_by_label("File of indices or structures")
    field.fill(str(mine))
    field.press("Enter")
    expect(screen.method(3)).to_contain_text("mine.txt", timeout=LONG)
    expect(page.get_by_text("20 structures given, fewer than the budget")).to_be_visible()

    page.get_by_role("button", name="Compare them").click()
    only = page.get_by_role("button", name=re.compile(r"^only 4: \d+")).first
    expect(only).to_be_visible(timeout=LONG)
    kept = re.match(r"only 4: (\d+)", only.inner_text())[1]
    only.click()
    screen.shows("brushed", kept)

    columns.get_by_role("button", name="2").click()
    expect(screen.cards).to_have_count(2, timeout=LONG)
    screen.click("Undo")
    expect(screen.cards).to_have_count(4, timeout=LONG)
    expect(screen.method(3)).to_contain_text("mine.txt")
    visitor.check()
