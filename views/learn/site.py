"""Static site: lessons and the carbon comparison as files that open from disk; ``make site``.

    python -m views.learn.site [FOLDER]

Everything is worked out while it is built, by the same functions that the stage Learn calls.
Questions are answered by unfolding an option; what needs controls says that it needs the program.
No page asks for anything outside the folder.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.resources import files
from itertools import count
from pathlib import Path
from typing import Any

from bokeh.embed import components

from analytics.cli.progress import progress_on_terminal
from analytics.pipeline import Pipeline
from analytics.report.contents import Wanted, compile_report
from analytics.report.page import report_page
from analytics.runtime import html
from analytics.runtime.assets import asset
from analytics.runtime.html import Markup
from analytics.runtime.text import PAGE
from analytics.runtime.writing import write_files
from analytics.selection.base import Budget
from views.kit.theme import palette, variables
from views.learn.carbon_map import METHODS_SHOWN
from views.learn.controls import Choose, Number, Task
from views.learn.drawing import Seen
from views.learn.lab import Lab
from views.learn.lesson import PREDICT, Lesson, Screen, lessons_in_order
from views.learn.plots import PlotPane, legend_of
from views.learn.words import NAMES, judged, paragraphs, predicted, table_of

__all__ = ["build"]

#: The script that draws plots, and its name in the folder.
SCRIPT = "js/bokeh.min.js"
BOKEH = "bokeh.min.js"
CARBON = "carbon.html"
#: Share of carbon that the comparison keeps.
KEPT = 0.1


def build(folder: Path, lab: Lab) -> list[Path]:
    """Write the site; what stood in its files before is replaced.

    Returns
    -------
    list of Path
        The files, the first page first.
    """
    pages: dict[str, str] = {}
    lessons = lessons_in_order()
    shown = {lesson.name: [(s, s.show(lab, s.values())) for s in lesson.screens]
             for lesson in lessons}  # fmt: skip
    for dark in (False, True):
        pages[_named("index", dark)] = _index(lessons, lab.carbon().dataset.n_structures, dark)
        for lesson in lessons:
            pages[_named(lesson.name, dark)] = _lesson(lab, lesson, shown[lesson.name], dark)
    pages[CARBON] = _carbon(lab)
    script = files("bokeh").joinpath("server", "static", SCRIPT).read_bytes()
    content = {name: page.encode() for name, page in pages.items()} | {BOKEH: script}
    folder.mkdir(parents=True, exist_ok=True)
    write_files({folder / name: _writer(data) for name, data in content.items()}, force=True)
    return [folder / name for name in content]


def _writer(data: bytes) -> Any:
    return lambda file: file.write(data)


def _named(name: str, dark: bool) -> str:
    return f"{name}-dark.html" if dark else f"{name}.html"


def _carbon(lab: Lab) -> str:
    """Return the report of the carbon set, as ``winnow report`` writes it."""
    analysis = lab.carbon()
    size = Budget(KEPT).of(analysis.n_structures)
    wanted = [Wanted(method) for method in METHODS_SHOWN]
    return report_page(compile_report(lab.pipeline, analysis, wanted, size, monitor=lab.monitor))


# ---- pages --------------------------------------------------------------------------------------


def _page(title: str, name: str, dark: bool, *body: Any, script: str = "") -> str:
    colors = palette(dark)
    own = "; ".join(f"{key}: {value}" for key, value in variables(colors).items())
    scheme = "dark" if dark else "light"
    style = f":root {{ color-scheme: {scheme}; {own} }}\n" + "".join(
        asset(f"css/{sheet}.css").read_text() for sheet in ("content", "learn", "site")
    )
    other = html.a("Light" if dark else "Dark", href=_named(name, not dark))
    here = None if name == "index" else html.a("All lessons", href=_named("index", dark))
    top = html.element(
        "nav", html.b("Winnow"), here, html.span(class_="spring"), other, class_="top"
    )
    scripts = (html.element("script", src=BOKEH), Markup(script)) if script else ()
    return html.document(title, style, top, html.element("main", *body), *scripts)


def _index(lessons: list[type[Lesson]], structures: int, dark: bool) -> str:
    cards = [
        html.section(
            html.h2(html.a(f"{at}. {lesson.title}", href=_named(lesson.name, dark)), class_="idea"),
            html.ul((html.li(what) for what in lesson.learns), class_="learns"),
        )
        for at, lesson in enumerate(lessons, 1)
    ]
    comparison = html.section(
        html.h2(html.a("The carbon set compared", href=CARBON), class_="idea"),
        html.p(
            f"{PAGE.counted(structures, 'structure')}; what random, coverage and importance keep "
            "of a tenth of them, cover, and lose. The report that Winnow writes of any file."
        ),
    )
    return _page(
        "Winnow: what a training set can spare", "index", dark,
        html.h1("What can an atomistic training set spare?"),
        html.p(
            "Winnow shows it on your own file: which structures say what others say, what random, "
            "coverage and importance selections keep and lose, and whether a potential trained on "
            "the rest is worse.",
            class_="plain",
        ),
        html.p(
            "These pages were worked out beforehand and need no program. In Winnow itself the same "
            "screens are live: points can be tapped, sliders moved, and every answer is checked.",
            class_="plain",
        ),
        html.div(comparison, *cards, class_="lessons"),
        html.h2("The live one"),
        html.p("In the folder of Winnow, then the stage Learn:"),
        html.pre("make serve"),
    )  # fmt: skip


def _lesson(lab: Lab, lesson: type[Lesson], shown: list[tuple[Screen, Seen]], dark: bool) -> str:
    numbers, roots, sections = count(), {}, []
    for screen, seen in shown:
        drawn = []
        for plot in seen.plots:
            pane = PlotPane(plot, lambda *_: None, dark=dark)
            key = f"plot{next(numbers)}"
            roots[key] = pane.figure
            drawn.append((plot, key))
        sections.append((screen, seen, drawn))
    script, places = components(roots, wrap_script=True)
    body = [
        html.section(
            html.div(
                html.span(NAMES[screen.kind], class_="kind"),
                html.h2(screen.title, class_="idea"),
                html.div(paragraphs(screen.text), class_="words"),
                _question(lab, screen),
                class_="told",
            ),
            html.div(_uncovered(screen, _seen(seen, drawn, places)), class_="shown"),
            class_="screen",
        )
        for screen, seen, drawn in sections
    ]
    sources = html.ul((html.li(each) for each in lesson.sources), class_="sources")
    intro = html.p(f"About {lesson.minutes} minutes. Predict before you unfold.", class_="quiet")
    return _page(
        f"{lesson.title} (Winnow)", lesson.name, dark, html.h1(lesson.title), intro, *body, sources,
        script=script,
    )  # fmt: skip


def _uncovered(screen: Screen, content: Markup) -> Markup:
    """Cover what is to be predicted."""
    if screen.kind != PREDICT:
        return content
    summary = html.element("summary", "Show, once you have predicted")
    return html.element("details", summary, content, class_="uncover")


def _seen(seen: Seen, drawn: list[tuple[Any, str]], places: dict[str, str]) -> Markup:
    facts = (html.div(html.b(number), what) for number, what in seen.facts)
    plots = (
        html.div(
            legend_of(plot) if plot.legend else None,
            Markup(places[key]),
            html.p(plot.note, class_="below") if plot.note else None,
            class_="square" if plot.square else "wide",
        )
        for plot, key in drawn
    )
    return html.join(
        html.div(facts, class_="numbers") if seen.facts else None,
        html.div(plots, class_="drawn"),
        html.p(seen.text, class_="seen-text") if seen.text else None,
        table_of(seen),
    )


def _question(lab: Lab, screen: Screen) -> Markup | None:
    """Write a question with what is said of each answer."""
    question = screen.question
    if question is None:
        return None
    ask = html.p(question.ask, class_="ask")
    if isinstance(question, Task):
        return html.join(
            ask, html.p("An exercise with the controls of the live page.", class_="small")
        )
    return html.join(ask, *(_answer(text, said) for text, said in _answers(lab, screen)))


def _answers(lab: Lab, screen: Screen) -> Iterator[tuple[str, Markup]]:
    question, values = screen.question, screen.values()
    said = predicted if screen.kind == PREDICT else judged
    if isinstance(question, Choose):
        for at, option in enumerate(question.options):
            yield option, said(question.judge(lab, values, at))
    elif isinstance(question, Number):
        answer = question.right(lab, values)
        yield "Show the answer", said(question.judge(lab, values, answer.value))


def _answer(text: str, said: Markup) -> Markup:
    return html.element("details", html.element("summary", text), said, class_="option")


def main(arguments: list[str]) -> int:
    """Build the site into a folder."""
    with progress_on_terminal() as monitor:
        made = build(Path(arguments[0] if arguments else "build/site"), Lab(Pipeline(), monitor))
    size = sum(path.stat().st_size for path in made)
    print(f"{len(made)} files, {size / 1e6:.1f} MB; open {made[0]}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
