"""Taking it home: the report opens from a disk, and a link shows somebody else the same."""

import re
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

#: The server may be busy with what the tests before have asked.
LONG = 180_000


def export(visitor):
    page = visitor.page
    strip = page.locator(".strip").first
    strip.wait_for(timeout=LONG)
    expect(strip).to_contain_text(re.compile(r"kept\s*\d"), timeout=LONG)
    page.get_by_role("button", name="Export", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.wait_for()
    return dialog


def compare(visitor):
    visitor.page.get_by_role("button", name="Compare", exact=True).click()


def test_report_and_link_are_taken_home(visit, quiet_browser, tmp_path):
    first = visit()
    compare(first)
    dialog = export(first)
    with first.page.expect_download(timeout=LONG) as download:
        dialog.get_by_role("button").filter(has_text="Download report").click()
    assert download.value.suggested_filename == "carbon_report.html"
    place = tmp_path / "report.html"
    download.value.save_as(place)

    context = quiet_browser.new_context(offline=True)
    page = context.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(place.as_uri())
    expect(page.get_by_role("heading", name=re.compile("Comparison at 55"))).to_be_visible()
    expect(page.locator("svg.chart").first).to_be_visible()
    pictures = page.locator("img")
    assert pictures.count() >= 3
    assert all(pictures.nth(k).evaluate("p => p.naturalWidth") for k in range(pictures.count()))
    assert [url for url in asked if not url.startswith("data:")] == [place.as_uri()]
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0
    context.close()

    link = dialog.get_by_label("Link to what is shown")
    expect(link).to_have_value(re.compile("budget=55"), timeout=LONG)
    address = link.input_value()
    said = parse_qs(urlsplit(address).query)
    assert said["data"] == ["carbon"]
    assert said["stage"] == ["Compare"]
    assert "token" not in address
    changed = {name: values[0] for name, values in said.items()}
    changed |= {"budget": "33", "brush": "natoms < 10", "methods": "random:3,msc"}
    second = visit()
    second.page.goto(f"{address.partition('?')[0]}?{urlencode(changed)}")
    strip = second.page.locator(".strip").first
    expect(strip).to_contain_text(re.compile(r"kept\s*33(?!\d)"), timeout=LONG)
    expect(strip).to_contain_text(re.compile(r"brushed\s*[1-9]"), timeout=LONG)
    again = export(second).get_by_label("Link to what is shown")
    expect(again).to_have_value(re.compile("methods=random:3,msc&budget=33"), timeout=LONG)
    for visitor in (first, second):
        visitor.check()
