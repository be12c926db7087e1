"""`winnow density`: rows, columns, files and one-line errors."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import pytest
from density_makers import archive, write

from analytics.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
QUICK = ["--steps", "20", "--seeds", "2", "--cutoff", "3.5", "--energy", "no"]
COLUMNS = ["system", "method", "kept", "seed", "n_points", "density_error_pct",
           "energy_error_mev_atom", "train_seconds"]  # fmt: skip


@pytest.fixture
def system(tmp_path) -> str:
    return str(write(tmp_path / "made.npz"))


def test_table_has_one_row_per_method_share_and_seed(system, tmp_path, capsys) -> None:
    out = tmp_path / "out.csv"
    code = main(["density", "compare", system, "--methods", "random,ccs,grand", "--kept",
                 "0.5,10%", *QUICK, "-o", str(out)])  # fmt: skip
    assert code == 0
    assert "12 rows" in capsys.readouterr().out
    rows = list(csv.DictReader(io.StringIO(out.read_text())))
    assert list(rows[0]) == COLUMNS
    found = [(r["method"], float(r["kept"]), int(r["seed"])) for r in rows]
    expected = [(m, k, s) for m in ("random", "ccs", "grand") for k in (0.5, 0.1) for s in (0, 1)]
    assert found == expected
    for row in rows:
        assert int(row["n_points"]) == round(float(row["kept"]) * 3 * 1200)
        assert float(row["density_error_pct"]) > 0
        assert row["energy_error_mev_atom"] == ""
        assert row["system"] == "made"


def test_json_holds_rows_reference_and_claims(system, capsys) -> None:
    arguments = ["density", "compare", system, "--methods", "random", "--kept", "0.1", *QUICK]
    assert main([*arguments, "--json", "--claims"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert [r["seed"] for r in content["rows"]] == [0, 1]
    assert set(COLUMNS) <= set(content["rows"][0])
    assert content["rows"][0]["energy_error_mev_atom"] is None
    assert {r["method"] for r in content["full"]} == {"full"}
    assert len(content["claims"]) == 7
    assert content["settings"]["network"]["steps"] == 20


def test_text_names_what_to_beat(system, capsys) -> None:
    arguments = ["density", "compare", system, "--kept", "0.1", "--prune", "snapshots", *QUICK]
    assert main([*arguments, "--methods", "full,random,ccs:beta=0.1:scale=log"]) == 0
    told = capsys.readouterr().out
    assert "ccs:beta=0.1:scale=log" in told
    assert "Fitted spherical atoms" in told


def test_info_says_unit_and_electrons(system, capsys) -> None:
    assert main(["density", "info", system]) == 0
    told = capsys.readouterr().out
    assert "of 2 electrons" in told
    assert "e/bohr3" in told
    assert main(["density", "info", "water", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["suggested"]["target"] == "root"
    assert np.allclose(content["integrals"], 8, rtol=0.02)


def test_claims_come_from_shipped_results(capsys) -> None:
    assert main(["density", "claims", "al", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert len(content["al"]["claims"]) == 7
    assert main(["density", "claims", "al"]) == 0
    assert "criterion" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("extra", "cause"),
    [
        (["--methods", "best"], "unknown pruning method"),
        (["--kept", "2"], "no share"),
        (["--kept", "1"], "no share"),
        (["--kept", "101%"], "no share"),
        (["--seeds", "0"], "whole number from 1 on"),
        (["--beta", "3"], "not between 0 and 0.95"),
        (["--electrons", "9"], "not 9"),
        (["--cutoff", "99"], "cutoff is 99.0"),
        (["--energy", "yes"], "how it was calculated"),
        (["-o", "/nowhere/out.csv"], "no folder"),
    ],
)
def test_mistakes_are_one_line(system, capsys, extra, cause) -> None:
    assert main(["density", "compare", system, *extra]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert cause in told.err
    assert told.err.count("\n") == 1


def test_input_is_never_overwritten(system, capsys) -> None:
    assert main(["density", "compare", system, *QUICK, "-o", system]) == 2
    assert "overwrite" in capsys.readouterr().err


def test_single_snapshots_and_other_systems_are_refused(tmp_path, capsys) -> None:
    one = str(write(tmp_path / "one.npz", **archive(1)))
    assert main(["density", "compare", one]) == 2
    assert "open two or more" in capsys.readouterr().err
    assert main(["density", "compare", one, "al"]) == 2
    assert "another system" in capsys.readouterr().err


def test_the_command_comes_through_the_door_of_plugins() -> None:
    """Nothing that is not about densities imports them: they enter by their entry point."""
    found = {point.name: point.value for point in entry_points(group="winnow.plugins")}
    assert found["density"] == "analytics.density.plugin"
    code = (
        "import sys; from analytics.cli.registry import COMMANDS; assert 'density' in COMMANDS;"
        "from analytics.selection.base import METHODS; assert list(METHODS);"
        "found = [m for m in sys.modules if m.startswith('analytics.density.')];"
        "assert found == ['analytics.density.plugin'], found"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
