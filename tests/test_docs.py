"""The documentation builds without a warning, its links lead somewhere, its commands exist."""

import argparse
import doctest
import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
import tomllib
from html.parser import HTMLParser
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase.build import bulk

import winnow_atomistic as winnow
from analytics.claims.registry import CLAIMS
from analytics.cli.errors import UsageError
from analytics.cli.main import build_parser, main
from analytics.cli.registry import COMMANDS
from analytics.data.checks.registry import CHECKS
from analytics.descriptors.base import DESCRIPTORS
from analytics.runtime.assets import asset
from analytics.selection.base import METHODS

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
TEXTS = [ROOT / "README.md", *(p for p in DOCS.rglob("*.md") if "generated" not in p.parts)]


# ------------------------------------------------------------------------------ the site


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("sphinx", reason="the documentation is built by Sphinx")
    out = tmp_path_factory.mktemp("site")
    options = ["-W", "--keep-going", "-q", "-b", "html", "-d", str(out / "doctrees")]
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *options, "docs", str(out / "html")],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return out / "html"


#: What a page loads by itself: the attribute of each element that names it.
LOADED = {
    "script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href",
    "embed": "src", "object": "data", "video": "src", "audio": "src",
}  # fmt: skip


class Resources(HTMLParser):
    """Addresses of what a page loads by itself."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        if address := dict(attrs).get(LOADED.get(tag, "")):
            self.found.append(address)


def test_no_page_asks_another_machine_for_anything(site):
    for page in site.rglob("*.html"):
        resources = Resources()
        resources.feed(page.read_text(encoding="utf-8"))
        outside = [address for address in resources.found if re.match(r"(\w+:)?//", address)]
        assert not outside, page
    for sheet in site.rglob("*.css"):
        found = re.findall(
            r"""(?:url\(|@import\s)\s*["']?((?:\w+:)?//[^"')\s]+)""", sheet.read_text()
        )
        assert not found, sheet


def test_formulas_are_mathml(site):
    page = (site / "generated/methods/facility_location.html").read_text(encoding="utf-8")
    assert "<math" in page
    assert "MathJax" not in page


@pytest.mark.parametrize(
    ("registry", "pattern"),
    [
        (METHODS, "generated/methods/{}.html"),
        (DESCRIPTORS, "generated/descriptors/{}.html"),
        (COMMANDS, "generated/commands/{}.html"),
    ],
    ids=["methods", "descriptors", "commands"],
)
def test_everything_registered_has_its_page(site, registry, pattern):
    for name in registry:
        assert (site / pattern.format(name)).is_file()


def test_every_check_and_claim_has_its_place(site):
    for page, kind, registry in [("checks", "check", CHECKS), ("claims", "claim", CLAIMS)]:
        text = (site / f"generated/{page}.html").read_text(encoding="utf-8")
        for name in registry:
            assert f'id="{kind}-{name.replace("_", "-")}"' in text, name


def test_every_public_name_is_described(site):
    text = "".join(page.read_text(encoding="utf-8") for page in site.glob("generated/api/*.html"))
    for name in set(winnow.__all__) - {"__version__"}:
        assert f'id="winnow_atomistic.{name}"' in text, name


def test_a_page_of_a_method_says_all_that_the_registry_says(site):
    text = (site / "generated/methods/msc.html").read_text(encoding="utf-8")
    for title in ("Good and bad at", "What was measured", "Cost", "Options", "References"):
        assert f"{title}<" in text


# ------------------------------------------------------------------------------ the texts


def without_code(text):
    """Leave out blocks of code and what stands between backticks: no links, no headings."""
    return re.sub(r"`[^`\n]*`", "", re.sub(r"(?ms)^(`{3,}|:{3,}).*?^\1", "", text))


def anchors_of(path):
    """Return the anchors that a hosting page makes of the headings of a file."""
    text = re.sub(r"(?ms)^(`{3,}).*?^\1", "", path.read_text(encoding="utf-8"))
    titles = re.findall(r"(?m)^#+\s+(.*)$", text)
    explicit = re.findall(r"(?m)^\(([\w-]+)\)=$", text)
    return {re.sub(r"[^\w\- ]", "", t.lower()).replace(" ", "-") for t in titles} | set(explicit)


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_files_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(path.read_text(encoding="utf-8"))):
        if re.match(r"\w+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        if file.relative_to(ROOT).parts[:2] == ("docs", "generated"):
            continue  # made by the build, which complains where it is not
        assert file.exists(), target
        if anchor:
            assert anchor in anchors_of(file), target


def blocks_of(path):
    """Yield language and text of each block of code of a file, in order."""
    text = path.read_text(encoding="utf-8")
    for found in re.finditer(r"(?ms)^( *)```(\w+)\n(.*?)^\1```", text):
        yield found[2], textwrap.dedent(found[3])


def words_of(line):
    """Return the words of a command, up to a pipe or a redirection."""
    words = shlex.split(line, comments=True)
    end = next((at for at, word in enumerate(words) if word in {"|", ">", ">>", "<", "&"}), None)
    return words[:end]


def commands_in(path):
    """Yield the words of each `winnow ...` in the shell blocks of a file."""
    for language, text in blocks_of(path):
        if language in ("console", "bash", "sh"):
            for line in re.sub(r"\\\n\s*", " ", text).splitlines():
                words = words_of(line.removeprefix("$ ")) if "winnow" in line else []
                if words and words[0] == "winnow":
                    yield words[1:]


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_are_taken_by_the_real_parser(path):
    for words in commands_in(path):
        try:
            arguments = build_parser(words[0]).parse_args(words)
        except UsageError as error:
            pytest.fail(f"winnow {shlex.join(words)}: {error}")
        assert isinstance(arguments, argparse.Namespace)


def options_of(parser):
    """Return the options of a command, and of the commands in it."""
    found = set(parser._option_string_actions)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                found |= options_of(inner)
    return found


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_options_named_in_a_sentence_exist(path):
    text = re.sub(r"(?ms)^( *)```.*?^\1```", "", path.read_text(encoding="utf-8"))
    for said in re.findall(r"`winnow ([a-z][^`]*)`", text):
        name, *words = said.split()
        assert name in COMMANDS, said
        commands = next(
            action
            for action in build_parser(name)._actions
            if isinstance(action, argparse._SubParsersAction)
        )
        words = [word.strip("[]") for word in words]
        named = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert named <= options_of(commands.choices[name]), said


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_functions_named_in_a_text_exist(path):
    for name in re.findall(r"\bwinnow\.(\w+)\(", path.read_text(encoding="utf-8")):
        assert name in winnow.__all__


# ------------------------------------------------------------------------------ what the texts do


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """A folder with small files under the names that the pages use."""
    folder = tmp_path_factory.mktemp("bench")
    (folder / "carbon.xyz.gz").symlink_to(asset("carbon.xyz.gz"))
    frames = ase.io.read(asset("carbon.xyz.gz"), ":")
    parts = {
        "train": frames[::16], "test": frames[5::40], "pool": frames[3::14], "mine": frames[1:60:4],
        "md": frames[7::50], "published": frames[::20], "other": frames[::30],
    }  # fmt: skip
    for name, part in parts.items():
        ase.io.write(folder / f"{name}.xyz", part)
    for name in ("nep", "n2p2"):
        (folder / name).mkdir()
    test = parts["test"]
    np.savetxt(
        folder / "nep/energy_test.out", [[e := a.get_potential_energy() / len(a), e] for a in test]
    )
    np.savetxt(folder / "nep/force_test.out", np.vstack([np.tile(a.get_forces(), 2) for a in test]))
    return folder


def exchanges(text):
    """Yield the words of each command of a console block, and what is shown to come out of it."""
    for part in re.split(r"(?m)^\$ ", re.sub(r"\\\n\s*", " ", text))[1:]:
        line, _, shown = part.partition("\n")
        yield words_of(line), shown


def ran(words, capsys):
    """Run a command in this process; return what it printed."""
    code = main(words)
    printed = capsys.readouterr()
    assert code == 0, f"winnow {shlex.join(words)}: {printed.err}"
    return printed.out


@pytest.mark.parametrize(
    "path",
    sorted([*DOCS.glob("tutorials/*.md"), *DOCS.glob("how-to/*.md")]),
    ids=lambda path: f"{path.parent.name}/{path.stem}",
)
def test_what_a_page_does_works(path, bench, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(shutil.copytree(bench, tmp_path / "page", symlinks=True))
    checker, flags = doctest.OutputChecker(), doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    names = {}
    for language, text in blocks_of(path):
        if language == "python":
            exec(compile(text, path.name, "exec"), names)
        elif language == "pycon":
            test = doctest.DocTestParser().get_doctest(text, names, path.stem, path.name, 0)
            runner, told = doctest.DocTestRunner(checker, optionflags=flags), []
            runner.run(test, out=told.append, clear_globs=False)
            names |= test.globs
            assert not runner.failures, "".join(told)
        elif language == "console":
            for words, shown in exchanges(text):
                if words[:1] == ["winnow"] and words[1] != "serve":
                    out = ran(words[1:], capsys)
                    assert not shown.strip() or checker.check_output(shown, out, flags), out


# ------------------------------------------------------------------------------ the plug-in

USES_THE_PLUGIN = """
import sys
from types import SimpleNamespace
from analytics.cli.main import main
from analytics.data.checks.registry import check
from views.learn.lesson import lessons_in_order
from views.shell.stage import stages_in_order
from views.state.jobs import Inline
from views.state.session import Session
from analytics.pipeline import Pipeline
import winnow_atomistic as winnow

data = winnow.read(sys.argv[1])
information = winnow.analyse(data)
kept = winnow.select(information, "smallest_first", spec={"least": 2}, size=3)
print("picked", *data.sizes[kept.indices])
print("there are", *sorted(data.sizes[data.sizes > 1])[:3])
print("found", *(f.code for f in check(data).findings if f.code == "few_atoms"))
(stage,) = [stage for stage in stages_in_order() if stage.title == "Sizes"]
session = Session(Inline(), Pipeline())
session.open(sys.argv[1])
print("shown", stage(session).build(dark=False).object.count(" atoms"))
lesson = next(each for each in lessons_in_order() if each.name == "sizes")
question, lab = lesson.screen("largest"), SimpleNamespace(carbon=lambda: information)
print("judged", question.question.judge(lab, question.values(), max(information.sizes)).right)
print("listed", main(["methods", "smallest_first"]))
"""


def test_the_worked_plug_in_is_installed_and_works(bench, tmp_path):
    """It is laid out as pip lays it out: the package, and beside it its entry points."""
    source, target = DOCS / "plug-ins" / "example", tmp_path / "site"
    project = tomllib.loads((source / "pyproject.toml").read_text())["project"]
    shutil.copytree(source / "winnow_example", target / "winnow_example")
    (information := target / "winnow_example-0.1.dist-info").mkdir()
    (information / "METADATA").write_text(
        f"Name: {project['name']}\nVersion: {project['version']}\n"
    )
    groups = project["entry-points"].items()
    lines = [
        f"[{group}]\n" + "\n".join(f"{a} = {b}" for a, b in points.items())
        for group, points in groups
    ]
    (information / "entry_points.txt").write_text("\n".join(lines))
    ase.io.write(tmp_path / "small.xyz", [bulk("C"), *ase.io.read(bench / "mine.xyz", ":")])
    done = subprocess.run(
        [sys.executable, "-c", USES_THE_PLUGIN, str(tmp_path / "small.xyz")],
        cwd=ROOT, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(target)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = dict(line.partition(" ")[::2] for line in done.stdout.splitlines() if " " in line)
    assert told["picked"] == told["there"].removeprefix("are ")
    assert told["found"] == "few_atoms"
    assert int(told["shown"]) > 1
    assert told["judged"] == "True"
    assert told["listed"] == "0"
    assert "--method-least" in done.stdout
