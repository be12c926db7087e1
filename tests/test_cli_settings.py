"""Defaults from a configuration file, the schema of --json, checks in continuous integration."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import ase.build
import ase.io
import jsonschema
import pytest

from analytics.cli.outline import options_by_flag
from analytics.cli.settings import with_settings
from analytics.data.checks.registry import CHECKS

ROOT = Path(__file__).resolve().parent.parent
CARBON = f"{ROOT / 'assets' / 'carbon.xyz.gz'}@0:12"
SCHEMA = json.loads((ROOT / "docs" / "winnow.schema.json").read_text())


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """Return a function that writes the file of the folder, and the user's."""
    monkeypatch.delenv("WINNOW_CONFIG")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "config" / "winnow").mkdir(parents=True)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    def write(here="", own=""):
        Path("winnow.toml").write_text(here)
        (tmp_path / "config" / "winnow" / "winnow.toml").write_text(own)

    return write


def test_the_command_line_wins_over_the_folder_and_that_over_the_user(settings, run_json):
    settings('seed = 2\n[select]\nbudget = 3\nmethod = "random"\n', "seed = 1\n[select]\nkeep=[4]")
    found = run_json("select", CARBON)
    assert (found["seed"], found["method"], found["n_kept"]) == (2, "random", 4)
    assert found["keep"] == [4]
    found = run_json("select", CARBON, "--seed=5", "--budget", 2)
    assert (found["seed"], found["n_kept"]) == (5, 3)


def test_switches_and_lists(settings):
    settings(
        '[serve]\nshow = false\n[retrain]\ntest = ["a.xyz", "b.xyz"]\n[check]\nstrict = true\n'
    )
    known = options_by_flag()
    assert with_settings(["serve"], known) == ["serve", "--no-show"]
    assert with_settings(["retrain", "x"], known) == [
        "retrain",
        "--test=a.xyz",
        "--test=b.xyz",
        "x",
    ]
    assert with_settings(["check", "x"], known) == ["check", "--strict", "x"]
    assert with_settings(["check", "--strict", "x"], known) == ["check", "--strict", "x"]
    assert with_settings(["--help"], known) == ["--help"]


@pytest.mark.parametrize(
    ("here", "own", "said"),
    [
        ("sed = 1", "", "winnow.toml: sed is no option of any command"),
        ("[verify]\nstrict = true", "", "[verify] is no command"),
        ("[check]\nbudget = 1", "", "budget is no option of winnow check"),
        ("[check]\nstrict = 1", "", "strict is 1, not true or false"),
        ("seed = {a = 1}", "", "[seed] is no command"),
        ("seed = [[1]]", "", "not a number, a text or a list"),
        ("seed = ", "", "winnow.toml: "),
        ("[check]\nfail-on = 'often'", "", "options of winnow.toml included"),
        ("scheduler = 'tcp://there:1'", "", "is not taken from the folder"),
        ("[select]\nforce = true", "", "is not taken from the folder"),
        ("", "sede = 1", "sede is no option"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(settings, fails, here, own, said):
    settings(here, own)
    command = ("select", CARBON, "--budget", 2) if "seed" in here else ("check", CARBON)
    assert said in fails(*command)


def test_another_file_or_none(settings, run_json, fails, tmp_path, monkeypatch):
    settings("nonsense", "nonsense")
    monkeypatch.setenv("WINNOW_CONFIG", "")
    assert run_json("methods")["methods"]
    monkeypatch.setenv("WINNOW_CONFIG", str(tmp_path / "no.toml"))
    assert "there is no such file" in fails("methods")
    (tmp_path / "no.toml").write_text("scheduler = 'tcp://here:1'")  # the user named it
    assert run_json("methods")["methods"]


# ------------------------------------------------------------------------------ JSON


@pytest.mark.parametrize(
    "words",
    [
        ["analyse", CARBON], ["check", CARBON], ["select", CARBON, "--budget", "3"],
        ["compare", CARBON, "--budgets", "3", "--methods", "random,msc"], ["methods"],
        ["duplicates", CARBON], ["export", CARBON, "-o", "out.xyz"],
        ["split", CARBON, "--fractions", "0.5,0.5", "-o", "out.xyz"],
        ["conflicts", CARBON],
    ],
    ids=lambda words: words[0],
)  # fmt: skip
def test_json_is_as_the_schema_says(run_json, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = run_json(*words)
    assert next(iter(found)) == "winnow"
    assert found["winnow"]["command"] == words[0]
    jsonschema.Draft202012Validator(SCHEMA).validate(found)


def test_the_schema_refuses_what_is_not_so(run_json):
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    found = run_json("check", CARBON)
    for spoilt in (
        {name: value for name, value in found.items() if name != "findings"},
        found | {"counts": [1]},
        found | {"winnow": found["winnow"] | {"json_version": 2}},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.Draft202012Validator(SCHEMA).validate(spoilt)


# ------------------------------------------------------------------------------ check


@pytest.fixture
def broken(tmp_path):
    """Two atoms on one place: an error."""
    frames = [ase.build.bulk("Si", cubic=True) for _ in range(3)]
    frames[1].positions[1] = frames[1].positions[0]
    ase.io.write(tmp_path / "b.xyz", frames, format="extxyz")
    return tmp_path / "b.xyz"


def test_exit_code_by_severity(run, broken):
    assert run("check", broken)[0] == 0
    assert run("check", broken, "--fail-on", "never")[0] == 0
    assert run("check", broken, "--fail-on", "error")[0] == 1
    assert run("check", broken, "--fail-on", "warning", "-q")[0] == 1
    assert run("check", CARBON, "--fail-on", "warning")[0] == 0  # notes alone


def test_junit_has_a_case_for_every_check(run, fails, broken, tmp_path):
    place = tmp_path / "check.xml"
    assert run("check", broken, "--fail-on", "error", "--junit", place)[0] == 1
    root = ElementTree.parse(place).getroot()
    cases = {case.get("name"): case for case in root.iter("testcase")}
    assert set(CHECKS) <= set(cases)
    failed = {name for name, case in cases.items() if case.find("failure") is not None}
    assert failed == {"overlapping_atoms"}
    assert "frame 1" in cases["overlapping_atoms"].find("failure").get("message")
    assert root.get("failures") == root.find("testsuite").get("failures") == "1"
    assert root.get("tests") == str(len(cases))
    assert "exists already" in fails("check", broken, "--junit", place)
