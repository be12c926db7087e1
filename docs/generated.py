"""Pages made from the registries: methods, checks, descriptors, claims, commands, lessons, API.

What is registered says all of it: docstrings, options, figures that were measured. Nothing here is
typed by hand, so that a page cannot be older than the code. Written to docs/generated, which git
ignores; files that did not change are left alone, so that a second build is quick.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import itertools
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from markup import (
    code,
    contents,
    docstring,
    first_sentence,
    heading,
    indented,
    plain,
    table,
)  # fmt: skip

import winnow_atomistic as winnow
from analytics.claims.claim import Claim
from analytics.claims.registry import CLAIMS
from analytics.cli.main import build_parser
from analytics.cli.registry import COMMANDS
from analytics.data.checks.registry import CHECKS
from analytics.data.export_formats.registry import EXPORT_FORMATS
from analytics.descriptors.base import DESCRIPTORS
from analytics.runtime.registry import Option, options_of
from analytics.selection.base import METHODS, Method, is_nested
from analytics.selection.measured import FAILURE, WORDS, measurements

Pages = Iterator[tuple[str, str]]

WIDTH = 96  # columns of the usage of a command
LONGEST = 60  # a threshold that is written longer is a table of its own


# ------------------------------------------------------------------------------- writing


def write_pages(docs: Path) -> None:
    """Write all pages below `docs`, and remove those of what is no longer registered."""
    folder = docs / "generated"
    makers = (methods, checks, descriptors, claims, commands, export_formats, stages, lessons, api)
    pages = {folder / name: text for make in makers for name, text in make()}
    for path, text in pages.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    for path in set(folder.rglob("*.rst")) - set(pages):
        path.unlink()


def option_table(options: Sequence[Option], prefix: str) -> str:
    """Return the options of a spec, as the terminal and the notebook call them."""
    rows = []
    for item in options:
        low, high = ("" if end is None else f"{end:g}" for end in (item.low, item.high))
        bounds = ", ".join(map(str, item.choices)) or (f"{low} to {high}" if low or high else "any")
        also = "".join(f", or {word}" for word in item.words)
        default = "empty" if item.default == "" else item.default
        rows.append(
            (f"``{item.name}``", f"``{prefix}{item.name}``", plain(item.help), plain(bounds + also),
             plain(item.unit) or "none", f"``{default}``")
        )  # fmt: skip
    return table(rows, ("option", "in the terminal", "what it is", "values", "unit", "default"))


# ------------------------------------------------------------------------------- methods


def methods() -> Pages:
    """Yield a page for each selection method, and their index."""
    rows = []
    for name in METHODS:
        entry = METHODS[name]
        rows.append((f":doc:`{name}`", entry.kind, plain(entry.summary), *mean_ratios(name)))
        yield f"methods/{name}.rst", method_page(entry)
    found = measurements()
    text = heading("Selection methods") + (
        "What each is good and bad at, its options, cost, certificate, and what was measured. The "
        "four columns of figures are errors of a potential trained on what the method kept, "
        f"divided by those on random selections (below 1 is better), geometric mean over up to "
        f"{len(found['sets'])} sets and the budgets "
        f"{', '.join(f'{100 * share:g} %' for share in found['budgets'])} "
        f"(``{found['command']}``, {found['date']}). ``winnow methods`` prints the same list, "
        "``winnow rank FILE`` measures it on a file of yours.\n\n"
    )
    text += table(rows, ("method", "kind", "in short", *WORDS.values()))
    yield "methods/index.rst", text + contents(METHODS)


def mean_ratios(name: str) -> list[str]:
    """Return the four mean ratios of a method, empty where none was measured."""
    own = measurements()["methods"].get(name)
    return [f"{own[split][of]['mean']:.2f}" if own else "" for split, of in WORDS]


def method_page(entry: Method) -> str:
    """Return the page of a method."""
    text = f".. _method-{entry.name}:\n\n" + heading(entry.title)
    text += f"``{entry.name}``: {plain(entry.summary)}.\n\n" + table(method_facts(entry))
    about = inspect.cleandoc(entry.text or entry.run.__doc__ or entry.summary)
    said, _, references = about.partition("References\n----------\n")
    said, _, cost = said.partition("\n\nCost:")
    said, _, good = said.partition("\n\nGood at")
    text += heading("What it does", "-") + docstring(said)
    if good:
        text += heading("Good and bad at", "-") + f"Good at{good}\n\n"
    text += heading("What was measured", "-") + evidence(entry.name)
    if cost:
        text += heading("Cost", "-") + f"{cost.strip()[:1].upper()}{cost.strip()[1:]}\n\n"
    text += heading("Options", "-")
    options = options_of(entry.spec)
    text += option_table(options, "--method-") if options else "None.\n\n"
    text += heading("How to call it", "-")
    text += code(f"winnow select FILE --method {entry.name} --budget 0.1 -o subset.xyz")
    text += code(f'kept = winnow.select(information, "{entry.name}", size=0.1)', "python")
    return text + (heading("References", "-") + references.strip() + "\n" if references else "")


def method_facts(entry: Method) -> list[tuple[str, str]]:
    """Return what a method needs and gives, a row each."""
    needs = ["forces"] * entry.needs_forces + ["energies"] * entry.needs_energies
    return [
        ("kind", entry.kind),
        ("labels needed", " and ".join(needs) or "none"),
        ("seed", "matters" if entry.random else "does not matter"),
        ("one order for all budgets", "yes" if is_nested(entry.name) else "no: asked for each"),
        ("starts from a reference set", "yes" if entry.conditional else "no"),
        ("certificate", "yes: it bounds how far it is from the best possible set in its own "
         "objective (:ref:`certificates`)" if entry.objective else "no"),
        ("asks a potential", "yes: its normal equations" if entry.by_model else "no"),
    ]  # fmt: skip


def evidence(name: str) -> str:
    """Return the table of retrained errors of a method against random selections."""
    found = measurements()
    own = found["methods"].get(name)
    if own is None:
        return "Its errors have not been measured against those of random selections.\n\n"
    rows = []
    for (split, of), words in WORDS.items():
        each = own[split][of]
        ends = (f"{each[end][0]:.2f} ({each[end][1]})" for end in ("best", "worst"))
        fails = ", ".join(each["failures"]) or "none"
        rows.append((words, f"{each['mean']:.2f}", *ends, each["sets"], fails))
    width = f" Kernel width {own['width']:g} 1/Å." if "width" in own else ""
    return (
        "Error of a potential trained on what it kept over that on random selections of the same "
        f"size; budgets {', '.join(f'{100 * share:g} %' for share in found['budgets'])}; below 1 "
        f"is better. A set counts as a failure above {FAILURE:g}.{width}\n\n"
        + table(rows, ("error", "geometric mean", "best set", "worst set", "sets", "fails on"))
        + f"Measured {found['date']} by ``{found['command']}``.\n\n"
    )


# ------------------------------------------------------------------------------- checks


def checks() -> Pages:
    """Yield the page of all checks, a section each with the thresholds it goes by."""
    text = heading("Checks") + (
        "Every check that ``winnow check``, the Data stage and ``winnow.check(data)`` run, in this "
        "order, with the thresholds in its file. What they decide by, and what they say about "
        "published sets: :doc:`/checks`.\n\n"
    )
    for name in CHECKS:
        function = CHECKS[name]
        module = import_module(function.__module__)
        text += f".. _check-{name}:\n\n" + heading(name, "-")
        text += docstring(module.__doc__ or "") + docstring(function.__doc__ or "")
        rows = [
            (f"``{constant}``", f"``{value}``", said)
            for constant, value, said in thresholds(module)
            if len(value) < LONGEST
        ]
        text += table(rows, ("threshold", "value", "meaning")) if rows else ""
    yield "checks.rst", text


def thresholds(module: Any) -> Iterator[tuple[str, str, str]]:
    """Yield the constants of a module that a text explains: name, value, text.

    The text stands in a string below the constant, or in lines that begin with ``#:`` above it.
    """
    source = inspect.getsource(module)
    lines, body = source.splitlines(), ast.parse(source).body
    for node, after in itertools.pairwise([*body, ast.Pass()]):
        if not (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)):
            continue
        said = ""
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            said = str(after.value.value)
        else:
            above = itertools.takewhile(
                lambda line: line.startswith("#: "), reversed(lines[: node.lineno - 1])
            )
            said = " ".join(line[3:] for line in reversed(list(above)))
        if said and node.targets[0].id.isupper():
            yield node.targets[0].id, " ".join(ast.unparse(node.value).split()), said


# ------------------------------------------------------------------------------- descriptors


def descriptors() -> Pages:
    """Yield a page for each descriptor, and their index."""
    rows = []
    for name in DESCRIPTORS:
        spec, compute = DESCRIPTORS[name]
        module = sys.modules[compute.__module__]
        rows.append((f":doc:`{name}`", first_sentence(compute.__doc__)))
        text = f".. _descriptor-{name}:\n\n" + heading(name)
        text += docstring(module.__doc__ or "") + heading("How it is made", "-")
        text += docstring(compute.__doc__ or "") + heading("Options", "-")
        text += option_table(options_of(spec), "--descriptor-")
        yield f"descriptors/{name}.rst", text
    text = heading("Descriptors") + (
        "What turns an atom and its neighbours into a row of numbers. ``--descriptor NAME`` of "
        "the commands chooses one, ``winnow.describe(data, spec)`` in a notebook.\n\n"
    )
    yield (
        "descriptors/index.rst",
        text + table(rows, ("descriptor", "in short")) + contents(DESCRIPTORS),
    )


# ------------------------------------------------------------------------------- claims


def claims() -> Pages:
    """Yield the page of all claims."""
    text = heading("Claims") + (
        "Published claims that ``winnow claims FILE`` holds against a data set, with the criterion "
        "of each. What they gave on public sets: :doc:`/claims`.\n\n"
    )
    entries = [CLAIMS[name] for name in CLAIMS]
    for subject in dict.fromkeys(entry.subject for entry in entries):
        text += heading(f"Asked of a {subject}" if " " in subject else f"Asked of {subject}", "-")
        for entry in entries:
            if entry.subject == subject:
                text += claim_section(entry)
    yield "claims.rst", text


def claim_section(entry: Claim) -> str:
    """Return what one claim says, where it is from, and when it counts."""
    rows = [
        ("published in", plain(entry.paper)),
        ("counts as reproduced if", plain(entry.criterion)),
        ("would be changed by", plain(entry.changed_by)),
        ("needs", ", ".join(entry.needs) or "nothing but structures"),
    ]
    return (
        f".. _claim-{entry.name}:\n\n"
        + heading(entry.name, "~")
        + f"{plain(entry.sentence)}\n\n"
        + table(rows)
    )


# ------------------------------------------------------------------------------- commands


def commands() -> Pages:
    """Yield a page for each command, made from its argument parser, and their index."""
    rows = []
    before, os.environ["COLUMNS"] = os.environ.get("COLUMNS"), str(WIDTH)
    for name in COMMANDS:
        rows.append((f":doc:`winnow {name} <{name}>`", plain(COMMANDS[name].summary)))
        parser = inner_parsers(build_parser(name))[name]
        text = f".. _command-{name}:\n\n" + heading(f"winnow {name}")
        yield f"commands/{name}.rst", text + command_text(parser, "-")
    if before is None:
        del os.environ["COLUMNS"]
    else:
        os.environ["COLUMNS"] = before
    text = (
        heading("Commands")
        + "``winnow --help`` lists them, ``winnow COMMAND --help`` says the same as its page.\n\n"
    )
    yield "commands/index.rst", text + table(rows, ("command", "what it does")) + contents(COMMANDS)


def inner_parsers(parser: argparse.ArgumentParser) -> Mapping[str, argparse.ArgumentParser]:
    """Return the parsers of the commands of a parser by name; none if it has none."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return action.choices
    return {}


def command_text(parser: argparse.ArgumentParser, line: str) -> str:
    """Return description, usage and options of a command, and of the commands in it."""
    text = f"{plain(parser.description or '')}\n\n" + code(parser.format_usage().strip(), "text")
    for group in parser._action_groups:
        shown = [
            action
            for action in group._group_actions
            if action.help != argparse.SUPPRESS
            and not isinstance(action, argparse._SubParsersAction)
        ]
        if not shown:
            continue
        text += heading(str(group.title or "options").capitalize(), line)
        if group.description:
            text += f"{plain(group.description)}\n\n"
        for action in shown:
            text += f"{option_names(action)}\n{indented(plain(option_help(action)), 4)}\n\n"
    for name, inner in inner_parsers(parser).items():
        text += heading(f"{parser.prog} {name}", line) + command_text(inner, "~")
    return text


def option_names(action: argparse.Action) -> str:
    """Return how an option is written, in all its ways."""
    value = action.metavar or (
        "{" + ",".join(map(str, action.choices)) + "}" if action.choices else action.dest.upper()
    )
    value = value if isinstance(value, str) else " ".join(value)
    if not action.option_strings:
        return f"``{value}``"
    takes = "" if action.nargs == 0 else f" {value}"
    return ", ".join(f"``{name}{takes}``" for name in action.option_strings)


def option_help(action: argparse.Action) -> str:
    """Return the help of an option, with what argparse fills in."""
    known = {name: getattr(action, name) for name in ("default", "dest", "metavar")}
    text = (action.help or "").replace("%(prog)s", "winnow")
    return (
        " ".join(
            re.sub(r"%\((\w+)\)s", lambda m: str(known[m[1]]), text).replace("%%", "%").split()
        )
        or "\\ "
    )


# ------------------------------------------------------------------------------- formats, stages


def export_formats() -> Pages:
    """Yield the page of the formats that are written."""
    rows = []
    for name in EXPORT_FORMATS:
        entry = EXPORT_FORMATS[name]
        endings = ", ".join(f"``{ending}``" for ending in entry.endings) or "a folder"
        needs, all_kept = ", ".join(entry.needs) or "nothing", "yes" if entry.lossless else "no"
        rows.append((f"``{name}``", plain(entry.title), endings, needs, all_kept))
    text = heading("Export formats") + (
        "What ``--format`` of ``winnow export``, ``select`` and ``split`` takes. Units, keys and "
        "what is left out: :doc:`/export`.\n\n"
    )
    head = (
        "name",
        "read by",
        "endings",
        "labels without which a structure is left out",
        "keeps all",
    )
    yield "export_formats.rst", text + table(rows, head)


def stages() -> Pages:
    """Yield the page of the stages of the page, with their gestures and words."""
    from views.shell.stage import stages_in_order

    text = heading("Stages of the page") + (
        "The stages in the order of the bar, with the gestures and words that the ? dialog has.\n\n"
    )
    for stage in stages_in_order():
        text += f".. _stage-{stage.title.lower()}:\n\n" + heading(stage.title, "-")
        text += docstring(stage.__doc__ or "")
        for head, rows in (
            (("gesture", "what it does"), stage.help),
            (("word", "meaning"), stage.words),
        ):
            text += table([(plain(a), plain(b)) for a, b in rows.items()], head) if rows else ""
    yield "stages.rst", text


def lessons() -> Pages:
    """Yield the page of the lessons of the Learn stage."""
    from views.learn.lesson import lessons_in_order

    text = heading("Lessons") + (
        "The lessons of the stage Learn, with the notes for the teacher. One is a file with "
        "``@register``; a package of yours can bring more (:doc:`/plug-ins/index`).\n\n"
    )
    for lesson in lessons_in_order():
        text += f".. _lesson-{lesson.name}:\n\n" + heading(plain(lesson.title), "-")
        text += docstring(lesson.__doc__ or "")
        rows = [
            ("minutes", lesson.minutes),
            ("one learns", "; ".join(plain(each) for each in lesson.learns)),
            ("screens", ", ".join(plain(screen.title) for screen in lesson.screens)),
            ("for the teacher", plain(lesson.notes)),
            ("sources", "; ".join(plain(each) for each in lesson.sources) or "none"),
        ]
        text += table(rows)
    yield "lessons.rst", text


# ------------------------------------------------------------------------------- API


def api() -> Pages:
    """Yield a page for each room of `winnow_atomistic`, with its names, and their index."""
    rooms: dict[str, list[str]] = {}
    stub = ast.parse(Path(inspect.getfile(winnow)).with_suffix(".pyi").read_text(encoding="utf-8"))
    for node in stub.body:
        if isinstance(node, ast.ImportFrom):
            room = (node.module or "").split(".")
            rooms.setdefault(room[1] if room[0] == "analytics" else "notebook", []).extend(
                alias.asname or alias.name for alias in node.names
            )
    text = heading("Python: winnow_atomistic") + (
        "``import winnow_atomistic as winnow``. Names are imported when they are first used. "
        "Everything listed here is public; what is not listed may change.\n\n"
    )
    for room, names in rooms.items():
        rows = [(api_link(name), first_sentence(getattr(winnow, name).__doc__)) for name in names]
        text += heading(room.capitalize(), "-") + table(rows, ("name", "in short"))
        page = heading(f"winnow: {room}") + ".. currentmodule:: winnow_atomistic\n\n"
        yield f"api/{room}.rst", page + "".join(map(api_section, names))
    yield "api/index.rst", text + contents(rooms)


def kind_of(name: str) -> str:
    """Return what a public name is: class, function or data."""
    value = getattr(winnow, name)
    return "class" if inspect.isclass(value) else "function" if callable(value) else "data"


def api_link(name: str) -> str:
    """Return a link to the description of a public name."""
    role = {"class": "class", "function": "func", "data": "data"}[kind_of(name)]
    return f":py:{role}:`{name} <winnow_atomistic.{name}>`"


def api_section(name: str) -> str:
    """Return the description of one public name: its docstring, or what is registered."""
    kind = kind_of(name)
    if kind == "data":
        registry = getattr(winnow, name)
        names = ", ".join(f"``{entry}``" for entry in registry)
        said = f"By its name, every {registry.kind} that is registered: {names}."
        return heading(name, "-") + f".. py:data:: {name}\n\n{indented(said)}\n\n"
    members = "   :members:\n" if kind == "class" else ""
    return heading(name, "-") + f".. auto{kind}:: {name}\n{members}\n"
