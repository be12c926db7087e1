"""The Data stage in a browser: a file that asks for elements, its answer, and what was left out."""

import re

import pytest
from playwright.sync_api import expect
from test_page import Screen

pytestmark = pytest.mark.browser

LONG = 180_000
WATER = "3\nAtoms. Timestep: {0}\n1 0 0 0.0{0}\n2 0.76 0.59 0\n2 -0.76 0.59 0\n"


def test_types_are_asked_for_and_frames_left_out_are_listed(visit, tmp_path):
    path = tmp_path / "types.xyz"
    whole = "".join(WATER.format(step) for step in range(6))
    path.write_text(whole + WATER.format(6)[:30])  # the job was killed while it wrote
    visitor = visit()
    page, screen = visitor.page, Screen(visitor.page)
    expect(screen.chip).to_contain_text("carbon.xyz.gz", timeout=LONG)
    screen.stage("Data")
    screen.open_path(path)
    first = page.get_by_role("combobox", name="Type 1")
    first.wait_for(timeout=LONG)
    expect(screen.chip).to_contain_text("carbon.xyz.gz")  # what is open stays
    opens = page.get_by_role("button", name="Open", exact=True)
    expect(opens).to_be_disabled()

    first.press_sequentially("o")
    page.get_by_role("option", name="O", exact=True).click()
    page.get_by_role("combobox", name="Type 2").press_sequentially("H")
    opens.click()
    expect(screen.chip).to_contain_text("types.xyz · 6 structures", timeout=LONG)
    expect(first).to_be_hidden()
    lost = page.get_by_role("group").filter(has_text="Left out of types.xyz: 1 frame")
    expect(lost).to_contain_text("the file ends early")

    # water, not hydrogen and helium; and after a reload still so
    page.reload()
    expect(screen.chip).to_contain_text("types.xyz · 6 structures", timeout=LONG)
    screen.stage("Data")
    expect(page.get_by_label("Elements of the types")).to_have_value("1=O,2=H")

    # the width that the data chose is said, and a number can be given in its place
    expect(page.get_by_text("Width in use:")).to_be_visible()
    expect(page.get_by_text(re.compile("from half to twice as wide"))).to_be_visible(timeout=LONG)
    own = page.get_by_label("Own width of the kernel")
    expect(own).to_be_hidden()
    page.get_by_role("button", name="Own number").click()
    own.fill("0.05")
    screen.click("Analyse again")
    expect(page.get_by_text("Width in use: 0.05")).to_be_visible(timeout=LONG)
    visitor.check()
