"""Lessons in the browser: each screen answered wrongly and rightly, by keys, links and large type.

One window serves all tests of this file. What is right is worked out by the lesson, not read off
the page.
"""

import re

import pytest
from playwright.sync_api import expect
from test_frame import settled_troubles
from test_page import FIRST_PAGE

from views.learn.controls import Choose, Number
from views.learn.lab import Lab
from views.learn.lesson import LESSONS, PREDICT
from views.learn.lessons.coverage import greedy

pytestmark = pytest.mark.browser

#: What the controls of a task have to be set to: the field to fill, or presses of an arrow key.
DONE = {
    "coverage/beat": lambda: ", ".join(map(str, greedy(0).structures[:5].tolist())),
    "environments/halfway": lambda: 3,
    "tail/spare": lambda: 3,
}


@pytest.fixture(scope="module")
def lab():
    return Lab()


def answer(page, question, given):
    if isinstance(question, Choose):
        page.get_by_role("radio", name=question.options[given], exact=True).check()
    elif isinstance(question, Number):
        field = page.get_by_role("textbox", name="Your answer")
        field.fill(f"{given:.6g}")
        expect(field).to_have_value(f"{given:.6g}")
    page.get_by_role("button", name=re.compile("^(Show|Check)$")).click()


def do(page, task):
    wanted = DONE[task]()
    if isinstance(wanted, str):
        field = page.get_by_role("textbox", name="Points kept")
        field.fill(wanted)
        field.press("Enter")
        return
    slider = page.get_by_role("slider").first  # of those that are seen
    for _ in range(wanted):
        slider.press("ArrowRight")


@pytest.mark.parametrize("name", ["environments", "coverage", "tail"])
def test_a_lesson_is_walked_with_wrong_and_right_answers(learner, lab, name):
    page, lesson = learner.page, LESSONS[name]
    page.get_by_role("button", name=f"Start {lesson.title}").click()
    verdict = page.locator(".verdict")
    for at, screen in enumerate(lesson.screens, 1):
        expect(page.locator(".lesson-name")).to_contain_text(f"{at} of {len(lesson.screens)}")
        expect(page.get_by_role("heading", name=screen.title)).to_be_visible()
        question = screen.question
        if isinstance(question, Choose | Number):
            right = question.right(lab, screen.values()).value
            many = isinstance(question, Choose)
            wrong = (right + 1) % len(question.options) if many else 2 * right + 50
            if screen.kind == PREDICT:
                answer(page, question, wrong)
                expected = question.options[right] if many else question.written(right)
                expect(verdict.locator("b.said")).to_have_text(expected)
            else:
                answer(page, question, wrong)
                expect(page.locator(".verdict.wrong")).to_contain_text(question.way_on)
                answer(page, question, right)
                expect(page.locator(".verdict.right")).to_be_visible()
        elif question is not None:
            answer(page, question, True)
            expect(page.locator(".verdict.wrong")).to_contain_text(question.way_on)
            do(page, f"{name}/{screen.name}")
            expect(verdict).to_have_count(0)  # what was moved is not what was judged
            answer(page, question, True)
            expect(page.locator(".verdict.right")).to_be_visible()
        expect(page.locator(".cover")).to_have_count(0)
        page.get_by_role("heading", name=screen.title).click()  # keys belong to the page again
        page.keyboard.press("PageDown")
    page.get_by_role("button", name="All lessons").click()
    learner.check()


def test_presenter_mode_is_larger_and_keeps_the_controls(learner):
    page, lesson = learner.page, LESSONS["environments"]
    page.get_by_role("button", name=f"Start {lesson.title}").click()
    idea = page.get_by_role("heading", name=lesson.screens[0].title)
    size = "(element) => parseFloat(getComputedStyle(element).fontSize)"
    small = idea.evaluate(size)
    page.get_by_role("button", name="Notes for the teacher").click()
    expect(page.locator(".notes")).to_contain_text("For the teacher")
    page.get_by_role("button", name="Present", exact=True).click()
    expect(page.locator(".notes")).to_have_count(0)  # not before the class
    assert idea.evaluate(size) > 1.4 * small
    first = lesson.screens[0]
    usual, alone = (
        first.show(None, first.values(values)).facts[0][0]
        for values in ({}, first.presets["On its own"])
    )
    numbers = page.locator(".numbers b").first
    expect(numbers).to_have_text(usual)
    page.get_by_role("button", name="On its own").click()
    expect(numbers).to_have_text(alone)
    page.get_by_role("button", name="Reset", exact=True).click()
    expect(numbers).to_have_text(usual)
    page.get_by_role("button", name="Present", exact=True).click()
    expect(page.get_by_role("button", name="Notes for the teacher")).to_be_visible()


def test_plots_stay_within_their_card_when_presented(learner):
    page, lesson = learner.page, LESSONS["environments"]
    page.get_by_role("button", name="All lessons").click()
    page.get_by_role("button", name=f"Start {lesson.title}").click()
    page.get_by_role("button", name="Present", exact=True).click()
    found = []
    for screen in lesson.screens:
        expect(page.get_by_role("heading", name=screen.title)).to_be_visible()
        expect(page.locator(".cover").filter(has_text="Working")).to_have_count(0)
        for width, height in ((1440, 900), (1280, 720)):
            page.set_viewport_size({"width": width, "height": height})
            found += [f"{screen.name} at {width}: {said}" for said in settled_troubles(page)]
        page.keyboard.press("PageDown")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.get_by_role("button", name="Present", exact=True).click()
    page.get_by_role("button", name="All lessons").click()
    assert not found, "\n".join(found)


def test_a_link_opens_at_lesson_screen_controls_and_answer(learner, visit_of_file, server):
    page = learner.page
    page.goto(f"{server}&stage=Learn&at=coverage/bound~size=4~set=1~answer=3")
    expect(page.get_by_role("heading", name="A certificate")).to_be_visible(timeout=FIRST_PAGE)
    expect(page.locator(".verdict.wrong")).to_contain_text("Not 3")
    expect(page.locator(".numbers")).to_contain_text("by the greedy 4")
    expect(page.get_by_role("button", name="Learn", exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )
