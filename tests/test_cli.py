"""The command line, run in this process except where the process itself is the subject."""

import argparse
import csv
import gzip
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator

import winnow_atomistic as winnow
from analytics.cli import progress, serve, stages
from analytics.cli.main import main
from analytics.cli.options import (
    add_spec_options,
    affordable,
    parse_budget,
    parse_indices,
    spec_from_arguments,
)
from analytics.cli.registry import COMMANDS, register
from analytics.data.export import ExportFiles, export_selection
from analytics.recipe import Recipe
from analytics.runtime.errors import WinnowError
from analytics.runtime.registry import option
from analytics.selection.base import METHODS, Budget

ROOT = Path(__file__).resolve().parent.parent
CARBON = f"{ROOT / 'assets' / 'carbon.xyz.gz'}@0:60"  # structure 0 is an isolated atom
COLUMNS = [
    "method",
    "budget",
    "n_structures",
    "n_environments",
    "entropy_nats",
    "diversity_nats",
    "overlap",
    "outliers_kept",
    "force_w1",
    "force_top1pct_kept",
]
FORCES = [name for name in COLUMNS if name.startswith("force")]


def xyz(frames, keys=""):
    """Return extended XYZ of clusters of carbon without forces."""
    lines = []
    for positions in frames:
        lines += [str(len(positions)), f"Properties=species:S:1:pos:R:3 {keys}".strip()]
        lines += [f"C {x} {y} {z}" for x, y, z in positions]
    return "\n".join([*lines, ""])


@pytest.fixture
def clusters(tmp_path):
    """Ten clusters of four atoms, with energies and without forces."""
    rng = np.random.default_rng(1)
    path = tmp_path / "clusters.xyz"
    path.write_text(xyz(rng.uniform(0, 3, (10, 4, 3)).round(6), keys="energy=-1.5"))
    return path


# ------------------------------------------------------------------------------ analyse


def test_analyse_agrees_with_the_library(run_json):
    found = run_json("analyse", CARBON)
    data = winnow.read(CARBON)
    expected = winnow.analyse(data, winnow.describe(data))
    for name, value in expected.summary().items():
        close = value if isinstance(value, str) else pytest.approx(value, rel=1e-12)
        assert found[name] == close, name
    assert (found["n_structures"], found["n_isolated_atoms"]) == (59, 1)
    assert 0 <= found["entropy_nats"] <= found["max_entropy_nats"]
    assert found["effective_environments"] == pytest.approx(np.exp(found["diversity_nats"]))
    assert found["descriptor"] == {"k": 32, "cutoff": 5.0}


def test_analyse_for_people(run):
    code, out, err = run("analyse", CARBON)
    assert (code, err) == (0, "")
    assert re.search(r"^  structures +59 and 1 isolated atom", out, re.MULTILINE)
    assert re.search(r"^  entropy H +\d\.\d{3} nats", out, re.MULTILINE)
    assert re.search(r"\d+ % of the environments are redundant: effective number exp\(D\)", out)
    assert out.endswith(".\n")


def test_analyse_within_a_certified_error(run, run_json, fails, monkeypatch):
    exact = run_json("analyse", CARBON)
    unsampled = run_json("analyse", CARBON, "--error", "0.05")
    assert unsampled["entropy_nats"] == exact["entropy_nats"]  # all kernels fit
    assert "certified_confidence" not in unsampled
    monkeypatch.setenv("WINNOW_MEMORY_GB", "1e-9")
    monkeypatch.setattr("analytics.information.analysis.SAMPLE", 200)
    monkeypatch.setattr("analytics.information.bounded_sums._affordable", len)
    found = run_json("analyse", CARBON, "--error", "0.05", "--confidence", "0.999")
    assert found["certified_confidence"] == 0.999
    for name in ("entropy", "diversity"):
        assert 0 < found[f"{name}_error"] <= 0.05
        assert abs(found[f"{name}_nats"] - exact[f"{name}_nats"]) <= found[f"{name}_error"]
    _, out, _ = run("analyse", CARBON, "--error", "0.05", "--confidence", "0.999")
    assert re.search(r"^  entropy H +\d\.\d+ ± 0\.0\d+ +nats", out, re.MULTILINE)
    assert re.search(r"^  certified +99.9 % confidence", out, re.MULTILINE)
    assert "not a number above zero" in fails("analyse", CARBON, "--error", "0")
    assert "--confidence 1" in fails("analyse", CARBON, "--error", "0.1", "--confidence", "100%")


def test_analyse_from_a_sample_says_so(run, run_json, fails, monkeypatch):
    exact = run_json("analyse", CARBON)
    assert run_json("analyse", CARBON, "--sampled")["entropy_nats"] == exact["entropy_nats"]
    monkeypatch.setenv("WINNOW_MEMORY_GB", "1e-9")
    monkeypatch.setattr("analytics.information.analysis.SAMPLE", 200)
    found = run_json("analyse", CARBON, "--sampled")
    assert found["sampled_environments"] == 200
    for name in ("entropy_nats", "diversity_nats"):
        error = found[name.replace("nats", "error")]
        assert 0 < abs(found[name] - exact[name]) < 4 * error
    _, out, _ = run("analyse", CARBON, "--sampled")
    assert re.search(r"^  entropy H +\d\.\d+ ± 0\.\d+ +nats", out, re.MULTILINE)
    assert re.search(
        r"^  estimated +200 +of [\d ]+ environments drawn, each ± is", out, re.MULTILINE
    )
    assert "say one of them" in fails("analyse", CARBON, "--sampled", "--error", "0.1")


def test_a_certificate_of_a_sample_says_so(run, monkeypatch, tmp_path):
    options = ("select", CARBON, "--budget", "5", "--force", "-o", str(tmp_path / "kept.xyz"))
    _, out, _ = run(*options)
    assert re.search(r"^  certificate .* best possible coverage$", out, re.MULTILINE)
    monkeypatch.setenv("WINNOW_MEMORY_GB", "1e-9")
    monkeypatch.setattr("analytics.information.analysis.SAMPLE", 200)
    _, out, _ = run(*options)
    assert re.search(r"^  certificate .* on the environments drawn; --demand", out, re.MULTILINE)


def test_compare_within_a_certified_error(run, run_json, monkeypatch):
    options = ("compare", CARBON, "--methods", "random", "--budgets", "0.5")
    (exact,) = run_json(*options)["rows"]
    assert run_json(*options, "--error", "0.05")["rows"] == [exact]  # all kernels fit
    monkeypatch.setenv("WINNOW_MEMORY_GB", "1e-9")
    monkeypatch.setattr("analytics.information.analysis.SAMPLE", 200)
    monkeypatch.setattr("analytics.information.bounded_coverage.FEWEST", 64)
    (found,) = run_json(*options, "--error", "2")["rows"]
    assert found["confidence"] == 0.99
    for name in ("entropy", "diversity", "overlap", "mean_delta_entropy"):
        key = name if name in found else f"{name}_nats"
        assert abs(found[key] - exact[key]) <= found[f"{name}_error"] + 1e-4
    _, out, _ = run(*options, "--error", "2")
    assert "each row with 99 % confidence within its ±" in out


def test_settings_arrive(run_json, clusters):
    usual = run_json("analyse", clusters)
    coarse = run_json("analyse", clusters, "--bandwidth", "0.5")
    assert coarse["bandwidth"] == 0.5
    assert coarse["entropy_nats"] < usual["entropy_nats"]
    other = run_json("analyse", clusters, "--descriptor-k", 4, "--descriptor-cutoff", "2.5")
    assert other["descriptor"] == {"k": 4, "cutoff": 2.5}
    assert run_json("analyse", clusters, "--descriptor", "distances") == usual


def test_the_figure_without_elements_stands_beside_that_with_them(run_json, run, tmp_path):
    path = tmp_path / "alike.xyz"
    frames = [[(0, 0, 0), (1.2, 0, 0), (2.4, 0, 0)]] * 4
    # the same three places, in every second structure with another element in the middle
    lines = xyz(frames).splitlines()
    lines[3] = lines[13] = "O 1.2 0 0"
    path.write_text("\n".join([*lines, ""]))
    found = run_json("analyse", path, "--bandwidth", "0.02")
    assert found["descriptor_name"] == "composition"
    assert found["descriptor"] == {"k": 32, "cutoff": 5.0, "species": "C,O"}
    beside = found["without_elements"]
    assert beside["effective_environments_blind"] == pytest.approx(2.0, abs=1e-3)
    assert beside["effective_environments"] == pytest.approx(4.0, abs=1e-3)
    _, out, _ = run("analyse", path, "--bandwidth", "0.02")
    assert "C, O told apart" in out
    assert "Elements count: 2.0 effective environments without elements, 4.0 with them." in out
    blind = run_json("analyse", path, "--descriptor", "distances")
    assert blind["without_elements"] is None


def test_one_structure(run_json, run, tmp_path):
    path = tmp_path / "one.xyz"
    path.write_text(xyz([[(0, 0, 0), (1.2, 0, 0)]]))
    found = run_json("analyse", path)
    assert (found["n_structures"], found["n_environments"]) == (1, 2)
    assert found["entropy_nats"] == pytest.approx(0, abs=1e-6)
    assert run("analyse", path)[0] == 0


# ------------------------------------------------------------------------------ select


def select_into(run_json, target, *arguments, file=CARBON):
    return run_json("select", file, "-o", target, *arguments)


@pytest.mark.parametrize("name", ["subset.xyz", "subset.extxyz", "subset.xyz.gz"])
def test_select_writes_what_it_says(run_json, tmp_path, name):
    found = select_into(run_json, tmp_path / name, "--budget", "0.1")
    files = ExportFiles.of(tmp_path / name)
    assert found["files"] == {
        "kept": str(files.kept),
        "rest": str(files.rest),
        "recipe": str(files.recipe),
    }
    assert sorted(tmp_path.iterdir()) == sorted([files.kept, files.rest, files.recipe])
    original, kept, rest = winnow.read(CARBON), winnow.read(files.kept), winnow.read(files.rest)
    places = np.array(found["kept_frame_indices"])
    assert kept.fingerprint == original.take(places).fingerprint
    assert rest.fingerprint == original.take(np.setdiff1d(np.arange(60), places)).fingerprint
    assert len(found["picked_frame_indices"]) == 6
    assert found["isolated_frame_indices"] == [0]
    assert found["budget"]["given"] == 0.1
    text = gzip.decompress(files.kept.read_bytes()) if name.endswith("gz") else None
    text = text.decode() if text else files.kept.read_text()
    written = [int(index) for index in re.findall(r"original_index=(\d+)", text)]
    assert written == found["kept_frame_indices"]


def test_the_recipe_is_a_recipe(run_json, tmp_path):
    options = ("--budget", 5, "--method", "random", "--seed", 11, "--keep", "9", "--drop", "8,7")
    printed = select_into(run_json, tmp_path / "s.xyz", *options)
    stored = json.loads((tmp_path / "s.json").read_text())
    recipe = Recipe.load(tmp_path / "s.json")
    assert Recipe.from_dict(printed) == recipe == Recipe.from_dict(stored)
    assert stored["files"] == {"kept": "s.xyz", "rest": "s_rest.xyz"}
    assert (recipe.method, recipe.seed, recipe.budget) == ("random", 11, 5)
    assert (recipe.keep, recipe.drop) == ((9,), (7, 8))
    assert recipe.picked[0] == 9
    assert not {7, 8} & set(recipe.kept)
    assert recipe.fingerprint == winnow.read(CARBON).fingerprint
    assert {"winnow", "python", "numpy"} <= set(recipe.versions)


def test_no_rest(run_json, tmp_path):
    found = select_into(run_json, tmp_path / "s.xyz", "--budget", 5, "--no-rest")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s.json", "s.xyz"]
    assert found["files"]["rest"] is None
    assert len(winnow.read(tmp_path / "s.xyz").numbers) == found["n_kept_environments"]
    stored = json.loads((tmp_path / "s.json").read_text())
    select_into(run_json, tmp_path / "t.xyz", "--budget", 5)
    with_rest = json.loads((tmp_path / "t.json").read_text())
    assert stored | {"files": 0} == with_rest | {"files": 0}
    assert (tmp_path / "s.xyz").read_bytes() == (tmp_path / "t.xyz").read_bytes()


def test_indices_of_a_slice_are_those_of_the_file(run_json, fails, tmp_path):
    file = CARBON.replace("@0:60", "@300:340:2")
    found = select_into(
        run_json, tmp_path / "s.xyz", "--budget", 4, "--keep", 302, "--drop", 304, file=file
    )
    assert found["input"]["frames"] == "300:339:2"
    assert found["picked_frame_indices"][0] == 302
    assert 304 not in found["kept_frame_indices"]
    whole = winnow.read(CARBON.replace("@0:60", ""))
    kept = winnow.read(tmp_path / "s.xyz")
    assert kept.fingerprint == whole.take(np.array(found["kept_frame_indices"])).fingerprint
    assert "--keep names structure 301" in fails(
        "select", file, "--budget", 4, "--keep", 301, "--json"
    )


def test_seeds(run_json):
    def picked(seed):
        arguments = ("select", CARBON, "--method", "random", "--budget", 8, "--seed", seed)
        return run_json(*arguments)["picked_frame_indices"]

    assert picked(1) == picked(1)
    assert picked(1) != picked(2)


@pytest.mark.parametrize("method", list(METHODS))
def test_every_method_selects(run_json, method):
    found = run_json("select", CARBON, "--method", method, "--budget", "10%")
    assert (found["method"], len(found["picked_frame_indices"])) == (method, 6)
    assert found["files"] == {}


def test_orders_are_nested(run_json):
    few, many = (run_json("select", CARBON, "--budget", n)["picked_frame_indices"] for n in (4, 12))
    assert many[:4] == few


def test_method_options_arrive(run_json, fails):
    found = run_json("select", CARBON, "--budget", 5, "--method-width", 1.5)
    assert found["spec"]["width"] == 1.5
    message = fails("select", CARBON, "--budget", 5, "--json", "--method-width", 9)
    assert "--method-width is 9.0, outside " in message
    message = fails(
        "select", CARBON, "--budget", 5, "--json", "--method-width", 1, "--method", "random"
    )
    assert "--method-width is an option of facility_location, not of random" in message


def test_select_for_people(run, tmp_path):
    code, out, err = run("select", CARBON, "--budget", 6, "-o", tmp_path / "s.xyz")
    assert (code, err) == (0, "")
    assert "6 of 59 structures (10.2 %)" in out
    assert "7 structures, 1 isolated atom among them" in out
    assert "s_rest.xyz: 53 structures" in out


# ------------------------------------------------------------------------------ budgets


@pytest.mark.parametrize(
    ("text", "size"),
    [("0.1", 10), ("10%", 10), ("10 %", 10), ("1", 1), ("1.0", 100), ("1%", 1), ("100%", 100),
     ("0.001", 1), ("100", 100), ("5e-1", 50), ("0.999", 100)],
)  # fmt: skip
def test_budgets(text, size):
    assert affordable(parse_budget(text), 100, 100) == size


@pytest.mark.parametrize(
    "text",
    [
        "0",
        "0%",
        "-1",
        "-0.1",
        "1.5",
        "nan",
        "inf",
        "101%",
        "ten",
        "",
        "%",
        "1/3",
        "50.0",
        "5e1",
        "²",
        "True",
    ],
)
def test_what_is_no_budget(text):
    with pytest.raises(argparse.ArgumentTypeError, match="is no budget"):
        parse_budget(text)


@pytest.mark.parametrize(("text", "picked"), [("1", 1), ("1.0", 59), ("100%", 59), ("0.5", 30)])
def test_one_is_one_structure_and_one_point_zero_all(run_json, text, picked):
    found = run_json("select", CARBON, "--method", "random", "--budget", text)
    assert len(found["picked_frame_indices"]) == picked
    assert repr(found["budget"]["given"]) == {"100%": "1.0"}.get(text, text)
    (row,) = run_json("compare", CARBON, "--methods", "random", "--budgets", text)["rows"]
    assert row["n_structures"] == picked


def test_budgets_that_cannot_be_met(fails):
    select = ("select", CARBON, "--json", "--budget")
    assert "60 structures, more than the 59 available" in fails(*select, 60)
    assert "more than the 57 available" in fails(*select, "100%", "--drop", "5,6")
    assert "fewer than the 3 of --keep" in fails(*select, 2, "--keep", "5,6,7")
    assert "more than the 59 available" in fails("compare", CARBON, "--budgets", "0.1,60")
    assert "--budget" in fails("select", CARBON, "--json")
    assert "'0' is no budget" in fails(*select, 0)
    assert "'-3' is no budget" in fails(*select, -3)


# ------------------------------------------------------------------------------ keep and drop


@pytest.mark.parametrize("text", ["-1", "1.5", "a", "1,,2", "", "1-3", "²"])
def test_what_is_no_index(text):
    with pytest.raises(argparse.ArgumentTypeError):
        parse_indices(text)


def test_indices_named_twice_count_once():
    assert parse_indices("3, 1,3") == (3, 1)


def test_keep_and_drop_that_cannot_be(fails):
    select = ("select", CARBON, "--json", "--budget", 5)
    assert "--keep names structure 60" in fails(*select, "--keep", 60)
    assert "--drop names structure 99" in fails(*select, "--drop", "1,99")
    assert "structure 4 is named by both" in fails(*select, "--keep", 4, "--drop", 4)
    assert "structure 0, an isolated atom: always kept" in fails(*select, "--drop", 0)
    assert "argument --keep: '-1' is not a structure's index" in fails(*select, "--keep=-1")


def test_keeping_an_isolated_atom_is_no_news(run_json):
    found = run_json("select", CARBON, "--budget", 2, "--keep", "0")
    assert found["kept_frame_indices"] == sorted([0, *found["picked_frame_indices"]])
    assert len(found["picked_frame_indices"]) == 2


# ------------------------------------------------------------------------------ compare


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_compare_writes_one_row_per_method_and_budget(run, tmp_path):
    out = tmp_path / "out.csv"
    methods = ("random", "facility_location", "largest_force", "msc", "outlier_score")
    code, told, err = run(
        "compare", CARBON, "--methods", ",".join(methods), "--budgets", "0.05,10%,7", "-o", out
    )
    assert (code, err) == (0, "")
    assert "15 rows" in told
    rows = rows_of(out)
    assert [(row["method"], row["budget"]) for row in rows] == [
        (method, budget) for method in methods for budget in ("0.05", "0.1", "7")
    ]
    assert set(COLUMNS) <= set(rows[0])
    assert [row["n_structures"] for row in rows[:3]] == ["3", "6", "7"]
    for row in rows:
        assert all(np.isfinite(float(row[name])) for name in COLUMNS[1:])
        assert 0 <= float(row["overlap"]) <= 1
    best = {row["budget"]: float(row["force_top1pct_kept"]) for row in rows[6:9]}
    assert all(float(row["force_top1pct_kept"]) <= best[row["budget"]] for row in rows)


def test_compare_agrees_with_the_library(run_json):
    found = run_json("compare", CARBON, "--budgets", "0.1,9", "--seed", 4)
    data = winnow.read(CARBON)
    analysis = winnow.analyse(data, winnow.describe(data))
    expected = winnow.compare(analysis, budgets=(0.1, 9), seed=4).table.to_dict(orient="records")
    assert len(found["rows"]) == len(expected) == 6
    for row, wanted in zip(found["rows"], expected, strict=True):
        assert list(row) == list(wanted)
        for name, value in wanted.items():
            missing = isinstance(value, float) and np.isnan(value)
            assert row[name] == (None if missing else value), name
    assert found["n_structures"] == 59
    assert found["seed"] == 4


def test_compare_with_both_outputs(run_json, tmp_path):
    found = run_json("compare", CARBON, "--methods", "random", "-o", tmp_path / "out.csv")
    rows = rows_of(tmp_path / "out.csv")
    assert [float(row["budget"]) for row in rows] == [0.05, 0.1, 0.2]
    assert [float(row["overlap"]) for row in rows] == [row["overlap"] for row in found["rows"]]


def test_compare_without_forces(run, run_json, fails, clusters, tmp_path):
    out = tmp_path / "out.csv"
    assert run("compare", clusters, "--budgets", "0.5", "-o", out)[0] == 0
    rows = rows_of(out)
    assert [row["method"] for row in rows] == ["random", "facility_location", "outlier_score"]
    assert all(row[name] == "" for row in rows for name in FORCES)
    found = run_json("compare", clusters, "--budgets", "0.5")
    assert all(row[name] is None for row in found["rows"] for name in FORCES)
    message = fails("compare", clusters, "--methods", "random,largest_force", "-o", out, "--force")
    assert "clusters.xyz: Largest force needs forces" in message
    assert "needs forces" in fails(
        "select", clusters, "--method", "largest_force", "--budget", 2, "--json"
    )


def test_compare_where_symmetry_makes_all_forces_zero(run_json, tmp_path):
    frames = [bulk("Cu", a=a) for a in np.linspace(3.4, 3.9, 24)]
    for atoms in frames:
        atoms.calc = SinglePointCalculator(
            atoms, energy=-float(atoms.cell.volume), forces=[[0] * 3]
        )
    ase.io.write(tmp_path / "volumes.xyz", frames, format="extxyz")
    found = run_json("compare", tmp_path / "volumes.xyz", "--budgets", "0.5")
    assert [row["method"] for row in found["rows"]][-1] == "outlier_score"


def test_compare_by_environments(run_json):
    found = run_json("compare", CARBON, "--unit", "environments", "--budgets", "0.2,100")
    for row in found["rows"]:
        assert 0 < row["n_environments"] <= Budget(row["budget"]).of(found["n_environments"])
    assert found["unit"] == "environments"


def test_compare_by_environments_where_none_is_that_small(fails, run_json, tmp_path):
    frames = [bulk("Cu", cubic=True, a=a) for a in np.linspace(3.4, 3.9, 24)]
    frames.append(bulk("Cu", a=3.5))
    ase.io.write(tmp_path / "sizes.xyz", frames, format="extxyz")
    compare = ("compare", tmp_path / "sizes.xyz", "--unit", "environments")
    frames.pop()
    found = run_json(*compare, "--methods", "random", "--budgets", "3")  # the first drawn has four
    told = [each["message"] for each in found["findings"]]
    assert found["rows"][0]["n_structures"] == 0
    assert any("at budget 3 random keeps nothing" in each for each in told)
    ase.io.write(tmp_path / "sizes.xyz", frames, format="extxyz")
    assert "fewer than the 4 of the smallest structure" in fails(*compare, "--budgets", "3")


def test_select_says_what_is_to_be_known_of_its_figures(run, run_json, tmp_path):
    narrow = ("select", CARBON, "--budget", "5", "--bandwidth", "1e-6")
    codes = {each["code"] for each in run_json(*narrow)["findings"]}
    assert {"entropy_empty", "coverage_is_the_budget"} <= codes
    assert run_json(*narrow)["width"]["bandwidth"] == 1e-6
    told = run(*narrow, "-o", tmp_path / "kept.xyz")[1]
    assert "warning: at the width 1e-06 every selection covers itself" in told


def test_one_class_per_structure_is_not_a_table_of_all(run, tmp_path):
    frames = [bulk("Cu", a=a) for a in np.linspace(3.4, 3.9, 40)]
    for at, atoms in enumerate(frames):
        atoms.info["config_type"] = f"run{at:03d}"
    ase.io.write(tmp_path / "runs.xyz", frames, format="extxyz")
    told = run("analyse", tmp_path / "runs.xyz")[1]
    assert told.count("\nrun") == 30
    assert "and 10 more config_types" in told


def test_compare_prints_a_table(run):
    code, out, err = run("compare", CARBON, "--methods", "random,msc", "--budgets", "0.1,6")
    assert (code, err) == (0, "")
    table, over_widths = (part.splitlines() for part in out.split("\n\n")[:2])
    assert over_widths[1].split() == ["method", "budget", *over_widths[1].split()[2:5] * 2]
    assert [line.split()[:2] for line in over_widths[3:7]] == [
        line.split()[:2] for line in table[4:]
    ]
    lines = table
    assert len(lines) == 2 + 1 + 1 + 4
    assert max(map(len, lines)) <= 110
    assert lines[3].startswith("(all)")
    assert [line.split()[:3] for line in lines[4:]] == [
        ["random", "0.1", "6"], ["random", "6", "6"], ["msc", "0.1", "6"], ["msc", "6", "6"],
    ]  # fmt: skip


def test_methods_and_budgets_named_twice_count_once(run_json):
    found = run_json("compare", CARBON, "--methods", "random,random", "--budgets", "0.1,10%,0.1")
    assert len(found["rows"]) == 1
    assert len(run_json("compare", CARBON, "--budgets", "100%,59", "--methods", "msc")["rows"]) == 1


def test_options_of_the_methods_compared(run_json, fails):
    arguments = ("compare", CARBON, "--budgets", "0.2", "--methods", "facility_location")
    narrow = run_json(*arguments, "--method-width", 0.5)["rows"][0]
    assert narrow["entropy_nats"] != run_json(*arguments)["rows"][0]["entropy_nats"]
    message = fails("compare", CARBON, "--methods", "random,msc", "--method-width", 1)
    assert "not of random, msc" in message


# ------------------------------------------------------------------------------ check


def test_check(run, run_json):
    found = run_json("check", CARBON)
    assert {"findings", "counts"} <= set(found)
    assert all({"code", "severity", "message", "structures"} <= set(f) for f in found["findings"])
    assert found["counts"]["structures"] == 60
    code, out, err = run("check", CARBON)
    assert (code, err) == (0, "")
    assert "isolated_atoms: 1 structure is" in out


def test_check_names_structures_of_the_file_by_severity(run, run_json, tmp_path):
    path = tmp_path / "doubtful.xyz"
    fine, close = [(0, 0, 0), (1.4, 0, 0)], [(0, 0, 0), (0.1, 0, 0)]
    path.write_text(xyz([fine, fine, close, fine]))
    found = run_json("check", f"{path}@1:")
    where = {finding["code"]: finding["structures"] for finding in found["findings"]}
    assert where["duplicates"] == [3]
    assert found["duplicate_groups"] == [[1, 3]]
    severities = [finding["severity"] for finding in found["findings"]]
    assert severities == sorted(severities, key=["error", "warning", "note"].index)
    code, out, _ = run("check", path)
    assert code == 0
    headings = re.findall(r"^\d+ (error|warning|note)s?:$", out, re.MULTILINE)
    assert headings == ["error", "warning", "note"]
    assert run("check", path, "--strict")[0] == 1
    assert run("check", CARBON, "--strict")[0] == 0


# ------------------------------------------------------------------------------ bad input


@pytest.mark.parametrize("command", ["analyse", "check"])
def test_files_that_cannot_be_read(fails, tmp_path, command):
    contents = {
        "empty.xyz": b"",
        "binary.xyz": bytes(range(256)) * 20,
        "short.xyz": b"3\n\nC 0 0 0\n",
        "what.ever": b"hello\n",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        assert name in fails(command, tmp_path / name)
    assert "no such file" in fails(command, tmp_path / "missing.xyz")
    assert "no such file" in fails(command, tmp_path / "missing.xyz@0:3")
    assert tmp_path.name in fails(command, tmp_path)
    assert "argument" in fails(command)


@pytest.mark.parametrize("command", ["analyse", "compare"])
def test_data_that_cannot_be_analysed(fails, run, run_json, tmp_path, command):
    path = tmp_path / "bad.xyz"
    path.write_text(xyz([[(0, 0, 0), (1, 0, 0)], [(0, 0, 0), ("nan", 0, 0)]]))
    assert run(command, path)[0] == 0  # one bad frame is one bad frame: it is left out
    (left_out,) = run_json("analyse", path)["understood"]["left_out"]
    assert "finite" in str(left_out)
    message = fails(command, path, "--strict")
    assert "bad.xyz, structure 1" in message
    assert "finite" in message
    path.write_text(xyz([[(0, 0, 0), ("nan", 0, 0)]]))
    assert "finite" in fails(command, path)
    path.write_text(xyz([[(0, 0, 0)]]))
    assert "isolated atoms only" in fails(command, path, "--json")


def test_what_is_left_out_is_said_by_every_command(run, tmp_path):
    path = tmp_path / "bad.xyz"
    path.write_text(xyz([[(0, 0, 0), (1, 0, 0)], [(0, 0, 0), ("nan", 0, 0)]]))
    out = ("--force", "-o", tmp_path / "kept.xyz")
    for words in (("compare", path), ("select", path, "--budget", "1", *out), ("check", path)):
        _, told, warned = run(*words)
        assert "frame 1: the position of atom 1 is not a finite number" in told + warned
    _, _, warned = run("compare", path, "--quiet")
    assert "left out" not in warned


def test_only_isolated_atoms_cannot_be_selected_from(fails, tmp_path):
    path = tmp_path / "atoms.xyz"
    path.write_text(xyz([[(0, 0, 0)], [(0, 0, 0)]]))
    assert fails("select", path, "--budget", "0.5", "--json")


def test_unknown_names(fails):
    assert "unknown selection method 'best'; known are" in fails(
        "select", CARBON, "--method", "best", "--budget", 3, "--json"
    )
    assert "'best'" in fails("compare", CARBON, "--methods", "random,best")
    assert "empty entry" in fails("compare", CARBON, "--methods", "random,")
    assert "'best'" in fails("analyse", CARBON, "--descriptor", "best")
    assert "COMMAND" in fails()
    assert "'best'" in fails("best")
    assert "--best" in fails("analyse", CARBON, "--best")
    assert "--js" in fails("analyse", CARBON, "--js")  # no abbreviations


@pytest.mark.parametrize(
    ("options", "cause"),
    [
        (("--descriptor-k", "0"), "--descriptor-k is 0, outside 1..256"),
        (("--descriptor-k", "2.5"), "--descriptor-k is '2.5', not a whole number"),
        (("--descriptor-cutoff", "50"), "--descriptor-cutoff is 50.0, outside 0.5..20"),
        (("--descriptor-cutoff", "far"), "--descriptor-cutoff is 'far', not a number"),
        (("--bandwidth", "0"), "--bandwidth is 0.0, outside"),
        (("--bandwidth", "nan"), "--bandwidth is nan, outside"),
        (("--bandwidth=-1",), "--bandwidth is -1.0, outside"),
    ],
)
def test_options_out_of_bounds(fails, options, cause):
    assert cause in fails("analyse", CARBON, *options)


@pytest.mark.parametrize("seed", ["-1", "1.5", "x"])
def test_what_is_no_seed(fails, seed):
    assert "is not a seed" in fails("compare", CARBON, f"--seed={seed}")


def test_label_keys(run_json, fails, tmp_path):
    path = tmp_path / "keys.xyz"
    path.write_text(xyz([[(0, 0, 0), (1.4, 0, 0)]] * 2, keys="my_energy=-1.5"))
    codes = {f["code"] for f in run_json("check", path)["findings"]}
    assert "no_energies" in codes
    codes = {f["code"] for f in run_json("check", path, "--energy-key", "my_energy")["findings"]}
    assert "no_energies" not in codes
    assert "'other'" in fails("analyse", path, "--energy-key", "other")
    assert "'other'" in fails("analyse", path, "--forces-key", "other")


def test_targets_that_cannot_be_written(fails, clusters, tmp_path):
    before = clusters.read_bytes()
    select = ("select", clusters, "--budget", 2)
    assert "no folder" in fails(*select, "-o", tmp_path / "no" / "s.xyz")
    assert "no folder" in fails("compare", clusters, "-o", tmp_path / "no" / "out.csv")
    assert "that is a folder" in fails("compare", clusters, "-o", tmp_path)
    assert "name it .xyz" in fails(*select, "-o", tmp_path / "s.txt")
    assert "name it .xyz" in fails(*select, "-o", tmp_path / ".xyz")
    assert "say with -o" in fails(*select)
    for target in (clusters, clusters.parent / "." / clusters.name):
        assert "overwrite the file that is read" in fails(*select, "-o", target)
        assert "overwrite the file that is read" in fails("compare", clusters, "-o", target)
    assert clusters.read_bytes() == before
    assert list(tmp_path.iterdir()) == [clusters]


def test_the_input_is_safe_under_any_name(fails, clusters, tmp_path):
    """The rest and a link count too, and so does a slice of the input."""
    link = tmp_path / "link.xyz"
    link.symlink_to(clusters)
    assert "overwrite" in fails("select", f"{clusters}@0:5", "--budget", 2, "-o", link)
    rest = tmp_path / "a_rest.xyz"
    shutil.copy(clusters, rest)
    assert "overwrite" in fails("select", rest, "--budget", 2, "-o", tmp_path / "a.xyz")
    assert main(["select", str(rest), "--budget", "2", "-o", f"{tmp_path}/a.xyz", "--no-rest"]) == 0
    assert rest.read_bytes() == clusters.read_bytes()


@pytest.mark.parametrize("taken", ["s.xyz", "s_rest.xyz", "s.json"])
def test_nothing_is_replaced_without_force(run, fails, clusters, tmp_path, taken):
    (tmp_path / taken).write_text("precious")
    select = ("select", clusters, "--budget", 2, "-o", tmp_path / "s.xyz")
    assert f"{taken}: exists already; --force replaces it" in fails(*select)
    assert {path.name for path in tmp_path.iterdir()} == {taken, clusters.name}
    assert (tmp_path / taken).read_text() == "precious"
    assert run(*select, "--force")[0] == 0
    assert (tmp_path / taken).read_text() != "precious"


def test_an_input_is_replaced_only_where_it_is_named(run, fails, clusters, tmp_path):
    rest = tmp_path / "a_rest.xyz"
    shutil.copy(clusters, rest)
    select = ("select", rest, "--budget", 2, "--force", "-o")
    assert "overwrite the file that is read" in fails(*select, tmp_path / "a.xyz")
    assert rest.read_bytes() == clusters.read_bytes()
    assert run(*select, rest)[0] == 0
    assert len(winnow.read(rest).sizes) == 2


def test_a_table_is_not_replaced_without_force(run, fails, clusters, tmp_path):
    out = tmp_path / "out.csv"
    out.write_text("precious")
    assert "exists already; --force" in fails("compare", clusters, "--budgets", 0.5, "-o", out)
    (tmp_path / "out_forces.csv").write_text("precious")
    assert "out_forces.csv: exists already; --overwrite" in fails("conflicts", clusters, "-o", out)
    assert out.read_text() == "precious"
    assert run("conflicts", clusters, "-o", out, "--overwrite")[0] == 0
    # a device is written to, and what is said of it does not go into the table
    assert run("compare", clusters, "--budgets", 0.5, "-o", os.devnull)[:2] == (0, "")


@pytest.mark.parametrize("name", ["a.xyz", "a.b.extxyz", "A.XYZ.GZ", "a.extxyz.gz", "a.xyz.xyz"])
def test_files_are_named_as_the_export_names_them(tmp_path, clusters, name):
    files = ExportFiles.of(tmp_path / name)
    written = export_selection(winnow.read(clusters), np.array([1]), tmp_path / name)
    assert written == (files.kept, files.rest, files.recipe)


# ------------------------------------------------------------------------------ methods, help


def test_methods(run, run_json):
    found = run_json("methods")["methods"]
    assert [entry["name"] for entry in found] == list(METHODS)
    width = next(e for e in found if e["name"] == "facility_location")["options"][0]
    assert (width["name"], width["default"], width["unit"]) == ("width", 2.0, "h")
    code, out, _ = run("methods")
    assert code == 0
    assert all(name in out for name in METHODS)
    assert "--method-width: " in out
    assert "winnow methods NAME" in out


def test_methods_by_name_say_what_they_are_good_and_bad_at(run, run_json, fails):
    code, out, err = run("methods", "msc", "facility_location")
    assert (code, err) == (0, "")
    for text in (
        "msc: Minimum set cover\n",
        "Good at ",
        "Cost: ",
        "References",
        "arXiv:2511.10561",
    ):
        assert text in out
    assert "Σ_i max_(j ∈ S) exp(-|x_i - x_j|^2 / 2 (w h)^2)" in out
    assert "--method-width: " in out
    for sign in (":math:", "\\", "`"):
        assert sign not in out
    (entry,) = run_json("methods", "kmeans")["methods"]
    assert entry["about"] == METHODS["kmeans"].about
    assert (entry["nested"], entry["random"], entry["certificate"]) == (False, True, False)
    assert "unknown selection method 'best'" in fails("methods", "best")


@pytest.mark.parametrize(
    "command",
    [
        "",
        "analyse",
        "select",
        "compare",
        "check",
        "methods",
        "serve",
        "duplicates",
        "conflicts",
        "overlap",
        "bandwidth",
        "replay",
    ],
)
def test_help(run, command):
    code, out, err = run(*command.split(), "--help")
    assert (code, err) == (0, "")
    assert out.startswith(f"usage: winnow {command}".rstrip())


def test_help_of_options_has_unit_bounds_and_default(run):
    out = " ".join(run("select", "--help")[1].split())
    assert "(0.5 to 20 Å, default 5.0)" in out
    assert re.search(r"\([0-9.]+ to [0-9.]+ h, default 2.0\)", out)
    assert "1/Å, or auto, published, default auto)" in out


def test_version(run):
    code, out, _ = run("--version")
    assert code == 0
    assert re.fullmatch(r"winnow \S+\n", out)


class Words:
    """A spec whose options are of every type, some without bounds."""

    def __new__(cls):
        from dataclasses import make_dataclass

        fields = [
            ("tone_of_voice", str, option("calm", help="How.", choices=("calm", "loud"))),
            ("times", int, option(3, help="How often, in 100 % of cases.", low=1)),
            ("most", float, option(2.0, help="How much.", high=9.0)),
            ("any", float, option(1.0, help="Whatever.")),
        ]
        return make_dataclass("Words", fields, frozen=True)


def test_options_are_made_from_any_spec():
    spec = Words()
    parser = argparse.ArgumentParser()
    add_spec_options(parser, {"words": spec}, "x-")
    text = " ".join(parser.format_help().split())
    assert "one of calm, loud, default calm" in text
    assert "100 % of cases. (from 1, default 3)" in text
    assert "(up to 9, default 2.0)" in text
    assert "words: Whatever. (default 1.0)" in text
    arguments = parser.parse_args(["--x-tone-of-voice", "loud", "--x-times", "5"])
    made = spec_from_arguments(spec, arguments, "x-")
    assert (made.tone_of_voice, made.times, made.most, made.any) == ("loud", 5, 2.0, 1.0)
    arguments = parser.parse_args(["--x-tone-of-voice", "shy"])
    with pytest.raises(WinnowError, match="--x-tone-of-voice is 'shy'"):
        spec_from_arguments(spec, arguments, "x-")


# ------------------------------------------------------------------------------ plug-ins


def test_a_plug_in_brings_a_command(run, monkeypatch, tmp_path):
    (tmp_path / "count_command.py").write_text(
        'def add_arguments(parser):\n    parser.add_argument("word")\n\n\n'
        "def run(arguments):\n    print(len(arguments.word))\n    return 3\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(COMMANDS, "_items", {name: COMMANDS[name] for name in COMMANDS})
    register("count", "Count the letters of a word.", "count_command")
    assert "Count the letters of a word." in run("--help")[1]
    assert "count_command" not in sys.modules  # until it is run
    assert run("count", "entropy") == (3, "7\n", "")
    monkeypatch.delitem(sys.modules, "count_command")


# ------------------------------------------------------------------------------ serve


@pytest.fixture
def served(monkeypatch, tmp_path):
    """Record the command and what it is told in place of running it; stand in for the page."""
    started = []
    app = tmp_path / "app.py"
    app.touch()
    monkeypatch.setattr(serve, "find_app", lambda: app)
    monkeypatch.setattr(serve, "_run", lambda *what: started.append(what) or 0)
    monkeypatch.delenv("WINNOW_TOKEN", raising=False)
    return started


def test_serve(run, served, clusters, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    panel = [sys.executable, "-P", "-m", "panel", "serve", str(tmp_path / "app.py"), "--warm"]
    assert run("serve")[0] == 0
    command, told = served.pop()
    assert command[:11] == [*panel, "--address", "127.0.0.1", "--port", "5006"]
    assert told["WINNOW_ADDRESS"] == "http://localhost:5006/app"
    assert "WINNOW_OPEN" not in told
    code, out, _ = run("serve", clusters.name, "--port", 5123, "--show")
    assert (code, out) == (0, "")  # the address is told when it answers
    command, told = served.pop()
    assert command[-2:] == ["--args", str(clusters)]
    assert told["WINNOW_SHOW"] == "1"
    assert run("serve", f"{clusters.name}@0:3", "--no-show")[0] == 0
    assert served.pop()[0][-2:] == ["--args", f"{clusters}@0:3"]


def test_a_token_is_new_each_time_and_on_no_command_line(run, served, monkeypatch):
    tokens = []
    for _ in range(2):
        run("serve")
        command, told = served.pop()
        tokens.append(told["WINNOW_TOKEN"])
        assert len(tokens[-1]) >= 32
        assert not any(tokens[-1] in word or told["BOKEH_SECRET_KEY"] in word for word in command)
    assert tokens[0] != tokens[1]
    monkeypatch.setenv("WINNOW_TOKEN", "of-the-group")
    run("serve")
    assert served.pop()[1]["WINNOW_TOKEN"] == "of-the-group"
    run("serve", "--token", "mine")
    assert served.pop()[1]["WINNOW_TOKEN"] == "mine"


def test_serve_opens_up_when_told_to_and_says_what_that_means(run, served, tmp_path):
    (tmp_path / "sets").mkdir()
    code, out, _ = run(
        *("serve", "--host", "0.0.0.0", "--root", tmp_path / "sets", "--root", tmp_path),
        *("--no-paths", "--origin", "lab.example", "--prefix", "/winnow/"),
        *("--models", tmp_path / "sets"),
    )
    assert code == 0
    assert len(out.splitlines()) == 1
    assert "whoever reaches this machine and has the token can open files as you" in out
    command, told = served.pop()
    assert command[command.index("--address") + 1] == "0.0.0.0"
    assert "--prefix=winnow" in command
    framed = serve.Serving(token="-a", framed=True)  # a token may begin with a hyphen
    assert "--prefix=-a" in framed.command()
    assert told["WINNOW_OPEN"] == told["WINNOW_NO_PATHS"] == "1"
    assert told["WINNOW_ROOT"].split(os.pathsep) == [str(tmp_path / "sets"), str(tmp_path)]
    assert told["WINNOW_MODELS"] == str(tmp_path / "sets")
    assert told["WINNOW_ORIGIN"] == "lab.example"
    assert told["WINNOW_ADDRESS"] == f"http://{socket.gethostname()}:5006/winnow/app"


def test_serve_refuses_what_is_not_there(fails, served, tmp_path):
    assert "no such file" in fails("serve", tmp_path / "missing.xyz")
    assert "is not a port" in fails("serve", "--port", 70000)
    assert "there is no such folder" in fails("serve", "--root", tmp_path / "missing")
    assert "a token consists of" in fails("serve", "--token", "a&b")
    assert not served


def test_the_page_is_found_in_the_package_and_nowhere_else(monkeypatch, tmp_path):
    (tmp_path / "app.py").write_text("raise SystemExit('a stranger')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    assert serve.find_app() == ROOT / "winnow_atomistic" / "app.py"


# ------------------------------------------------------------------------------ the process


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_bar_is_drawn_on_a_terminal_and_wiped(monkeypatch, run, clusters):
    terminal = Terminal()
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_UPDATES", 0.0)
    monkeypatch.setattr(sys, "stderr", terminal)
    assert main(["analyse", str(clusters), "--json"]) == 0
    drawn = terminal.getvalue().split("\r")
    assert any(re.search(r"\[#+\.*\] +\d+%  [a-z]+", line) for line in drawn)
    shares = [int(found) for found in re.findall(r"(\d+)%", terminal.getvalue())]
    assert shares == sorted(shares)
    assert shares[-1] == 100
    assert drawn[-1] == ""
    assert drawn[-2].strip() == ""
    assert "\n" not in terminal.getvalue()


def test_the_bar_is_wiped_before_an_error(monkeypatch, tmp_path):
    path = tmp_path / "bad.xyz"
    path.write_text(xyz([[(0, 0, 0), ("nan", 0, 0)]]))
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert main(["analyse", str(path)]) == 2
    assert terminal.getvalue().split("\r")[-1].startswith("winnow: error: bad.xyz")


def test_the_bar_fits_the_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    stream = Terminal()
    bar = progress.Bar(stream)
    bar.report(0.5, "a message that does not fit")
    bar.report(0.6)  # too soon
    assert len(stream.getvalue()) == 1 + 39
    bar.checkpoint()


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (KeyboardInterrupt(), 130, "winnow: error: interrupted\n"),
        (BrokenPipeError(), 141, ""),
        (MemoryError(), 2, "winnow: error: not enough memory\n"),
        (OSError(28, "No space left on device", "x.csv"), 2,
         "winnow: error: x.csv: No space left on device\n"),
    ],
)  # fmt: skip
def test_what_stops_a_command(run, monkeypatch, error, code, line):
    def stop(*arguments, **options):
        raise error

    monkeypatch.setattr(stages, "read", stop)
    assert run("analyse", CARBON) == (code, "", line)


def test_what_is_a_bug_is_not_hidden(monkeypatch):
    def fail(*arguments, **options):
        raise ZeroDivisionError

    monkeypatch.setattr(stages, "read", fail)
    with pytest.raises(ZeroDivisionError):
        main(["analyse", CARBON])


def script():
    installed = Path(sys.executable).with_name("winnow")
    return [str(installed)] if installed.exists() else [sys.executable, "-m", "analytics.cli"]


def test_the_console_script(tmp_path):
    """One process in an ASCII terminal: files, exit codes and streams as a shell sees them."""
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONPATH": str(ROOT)}
    arguments = ["compare", CARBON, "--methods", "random", "--budgets", "0.1"]
    done = subprocess.run(
        [*script(), *arguments], capture_output=True, text=True, cwd=tmp_path, env=environment
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "random" in done.stdout
    assert not list(tmp_path.iterdir())


def test_a_closed_pipe_is_no_error():
    with subprocess.Popen(
        [sys.executable, "-m", "analytics.cli", "methods"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait() == 141


@pytest.mark.parametrize(
    "words", [["check", "x" * 100_000], ["methods", "--json", "x" * 100_000], ["select", "a\nb"]]
)
def test_an_error_that_repeats_what_was_typed_is_one_short_line(words, capsys) -> None:
    assert main(words) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert len(said) < 2000


def test_a_stored_descriptor_has_a_width_of_its_own_scale(run_json, tmp_path):
    rng = np.random.default_rng(5)
    frames = [bulk("Cu", cubic=True, a=a) for a in np.linspace(3.4, 3.9, 30)]
    for atoms in frames:
        atoms.arrays["learned"] = rng.normal(size=(4, 3)) * 0.1 + atoms.cell[0, 0]
    ase.io.write(tmp_path / "one.xyz", frames, format="extxyz")
    for atoms in frames:
        atoms.arrays["learned"] *= 1000.0
    ase.io.write(tmp_path / "thousand.xyz", frames, format="extxyz")
    stored = ("--descriptor", "stored", "--descriptor-key", "learned")
    one, other = (
        run_json("analyse", tmp_path / f"{name}.xyz", *stored) for name in ("one", "thousand")
    )
    assert other["bandwidth"] == pytest.approx(1000.0 * one["bandwidth"], rel=0.01)
    assert other["redundancy"] == pytest.approx(one["redundancy"], abs=0.02)
    assert one["width"]["published"] is None
