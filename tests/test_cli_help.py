"""Help without imports, what is said beside a result, and the shell's view of the commands."""

from __future__ import annotations

import argparse
import json
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from analytics.cli.main import command_parsers
from analytics.cli.messages import MESSAGES
from analytics.cli.outline import is_whole, made_outline, outlined
from analytics.cli.registry import COMMANDS, register

ROOT = Path(__file__).resolve().parent.parent
CARBON = f"{ROOT / 'assets' / 'carbon.xyz.gz'}@0:12"


@pytest.fixture(scope="module")
def parsers():
    if not is_whole():
        pytest.skip("a plug-in is installed that adds to the commands")
    return command_parsers()


@pytest.fixture(autouse=True)
def _as_usual():
    yield
    MESSAGES.quiet = MESSAGES.verbose = False


def every(parser):
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from every(inner)


def test_outline_is_up_to_date(parsers):
    assert json.loads(json.dumps(made_outline(parsers))) == outlined(), "make outline renews it"


def test_help_of_the_outline_is_that_of_the_parsers(parsers):
    short = command_parsers(outline=True)
    assert set(short) == set(parsers)
    for name, parser in parsers.items():
        pairs = zip(every(parser), every(short[name]), strict=True)
        for whole, outline in pairs:
            assert outline.format_help() == whole.format_help(), name


def test_every_help_ends_with_the_exit_codes_and_says_what_the_command_does(run):
    for name in (None, *COMMANDS):
        code, out, err = run(*filter(None, [name]), "--help")
        assert (code, err) == (0, "")
        assert re.search(r"exit codes: 0 done; 1 .* 2 .* 130 .* 141 ", " ".join(out.split()))
        if name is not None:
            assert COMMANDS[name].summary.split()[0] in out


def test_a_command_of_a_plug_in_has_its_help(run, monkeypatch):
    monkeypatch.setitem(COMMANDS._items, "check", COMMANDS["check"])
    register("look", "Look at a file.", "analytics.cli.check")
    try:
        code, out, _ = run("look", "--help")
    finally:
        del COMMANDS._items["look"]
    assert code == 0
    assert "Look at a file." in out
    assert "--energy-key" in out


def test_no_option_is_hidden_in_a_long_list(parsers):
    """Options are told in groups: nobody reads forty in a row."""
    for parser in parsers.values():
        for group in parser._action_groups:
            assert len(group._group_actions) <= 16, (parser.prog, group.title)


def test_steps_on_the_error_output(run):
    code, out, err = run("check", CARBON)
    assert (code, err) == (0, "")
    code, same, err = run("check", CARBON, "-v")
    assert (code, same) == (0, out)
    assert re.match(r" +\d+\.\d\d s  \w", err)
    assert run("check", CARBON, "--quiet") == (0, out, "")


def test_an_error_with_its_place(run, tmp_path):
    code, out, err = run("check", tmp_path / "missing.xyz", "--verbose")
    assert (code, out) == (2, "")
    assert "Traceback" in err
    assert err.splitlines()[-1].startswith("winnow: error: ")


def test_there_is_no_colour(run, monkeypatch):
    """NO_COLOR needs no heed: nothing that Winnow prints is coloured."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    for words in (["--help"], ["check", CARBON], ["check"], ["methods"]):
        _, out, err = run(*words)
        assert "\x1b" not in out + err, words


def test_bash_completes_commands_options_and_choices(run, tmp_path):
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash")
    code, script, err = run("completion", "bash")
    assert (code, err) == (0, "")
    (tmp_path / "winnow").write_text(script)

    def offered(*words):
        line = " ".join(f"'{word}'" for word in ("winnow", *words))
        ask = f"source winnow; COMP_WORDS=({line}); COMP_CWORD={len(words)}; _shtab_winnow; "
        done = subprocess.run([bash, "-c", ask + 'printf "%s\\n" "${COMPREPLY[@]}"'], text=True,
                              cwd=tmp_path, capture_output=True, check=True)  # fmt: skip
        return set(done.stdout.split())

    assert {"select", "serve", "split"} <= offered("s")
    assert "--method" in offered("select", "--met")
    assert offered("select", "--unit", "s") == {"structures"}


def test_completion_without_shtab_says_what_to_install(fails, monkeypatch):
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert "pip install 'winnow-atomistic[completion]'" in fails("completion", "bash")


def test_manual_page_has_every_command_and_option():
    text = runpy.run_path(str(ROOT / "scripts" / "manual.py"))["manual"]()
    assert all(f".SS winnow {name.replace('-', chr(92) + '-')}" in text for name in COMMANDS)
    for group in outlined()["groups"]:
        for argument in group["arguments"]:
            if argument["kind"] != "help":
                assert all(f.replace("-", r"\-") in text for f in argument.get("flags", []))
    lines = {line[:3] for line in text.splitlines() if line.startswith((".", "'"))}
    assert lines <= {".TH", ".SH", ".SS", ".TP", ".PP", ".B "}
