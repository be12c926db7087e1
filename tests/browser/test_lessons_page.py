"""Lessons 4 to 6 in the browser: every screen answered wrongly, told so, and answered rightly.

One window serves all. That what counts as right is right is a test of its own
(tests/views/test_learn_lessons.py).
"""

import re

import numpy as np
import pytest
from playwright.sync_api import expect
from test_page import FIRST_PAGE

from views.learn.controls import Choose, Number
from views.learn.cylinder import SIZE, cylinder
from views.learn.lesson import LESSONS, PREDICT

pytestmark = pytest.mark.browser

#: What came of an answer to the screen, not of a prediction before.
JUDGED = ".verdict.right, .verdict.wrong"


def point_of(scores):
    """Fill in the point that has the largest score."""

    def fill(page):
        field = page.get_by_role("textbox", name="Environment (tap one)")
        field.fill(str(int(np.argmax(scores))))
        field.press("Enter")

    return [fill]


def keys(name, times):
    """Move the slider of a screen step by step."""
    return [lambda page: page.get_by_role("slider").first.press(name)] * times


def press(name):
    return [lambda page: page.get_by_role("button", name=name, exact=True).click()]


def done(place):
    """Return what has to be done for a task; it may be right after any of these steps."""
    toy, every = cylinder(), range(SIZE)
    return {
        "maps/strangers": point_of([toy.strangers("side", point) for point in every]),
        "maps/torn": point_of([toy.torn("rolled", point) for point in every]),
        "maps/misled": keys("ArrowRight", 3),
        "training/enough": keys("ArrowRight", 3),
        "densities/fewest": keys("ArrowLeft", 4),
        "densities/hard_to_beat": press("aluminium"),
    }[place]


def ask(page):
    page.get_by_role("button", name=re.compile("^(Show|Check)$")).locator("visible=true").click()


def choose(page, question, option):
    page.get_by_role("radio", name=question.options[option], exact=True).check()
    ask(page)


def verdict(page):
    """Wait for what is said; return whether it is right."""
    expect(page.locator(JUDGED)).to_be_visible(timeout=FIRST_PAGE)
    return page.locator(".verdict.right").count() == 1


def answered(page, place, screen):
    """Answer a screen wrongly and rightly."""
    question = screen.question
    if screen.kind == PREDICT:
        choose(page, question, 0)
        said = page.locator(".verdict b.said")
        expect(said).to_be_visible(timeout=FIRST_PAGE)
        assert said.inner_text() in question.options
    elif isinstance(question, Choose):
        found = []
        for option in range(len(question.options)):
            choose(page, question, option)
            said = re.compile(rf"(Not|Right:) {re.escape(question.options[option])}")
            judged = page.locator(".verdict").filter(has_text=said)
            expect(judged).to_be_visible(timeout=FIRST_PAGE)
            found.append(verdict(page))
        assert found.count(True) == 1
    elif isinstance(question, Number):
        field = page.get_by_role("textbox", name="Your answer")
        field.fill("999")
        ask(page)
        assert not verdict(page)
        page.get_by_text("What is right, and why").click()
        right = page.locator(".verdict details b").inner_text()
        field.fill(re.match(r"\d+(\.\d+)?", right).group(0))
        ask(page)
        expect(page.locator(".verdict.right")).to_be_visible()
    elif question is not None:
        ask(page)
        assert not verdict(page)
        for step in done(place):
            step(page)
            expect(page.locator(JUDGED)).to_have_count(0)  # what was moved is not judged yet
            ask(page)
            if verdict(page):
                break
        assert verdict(page)


@pytest.mark.parametrize("name", ["maps", "training", "densities"])
def test_a_lesson_is_walked_with_wrong_and_right_answers(learner, name):
    page, lesson = learner.page, LESSONS[name]
    page.get_by_role("button", name=f"Start {lesson.title}").click()
    for at, screen in enumerate(lesson.screens, 1):
        expect(page.locator(".lesson-name")).to_contain_text(f"{at} of {len(lesson.screens)}")
        expect(page.get_by_role("heading", name=screen.title)).to_be_visible()
        answered(page, f"{name}/{screen.name}", screen)
        expect(page.locator(".cover")).to_have_count(0, timeout=FIRST_PAGE)
        if at < len(lesson.screens):
            page.get_by_role("button", name="Next", exact=True).click()
    page.get_by_role("button", name="All lessons").click()
    learner.check()
