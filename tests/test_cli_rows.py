"""winnow select-rows: features from an array or a table, rows out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import winnow_atomistic as winnow

RNG = np.random.default_rng(5)
X = RNG.normal(size=(40, 3))
TABLE = pd.DataFrame(X, columns=["a", "b", "c"]).assign(
    molecule=np.repeat([f"m{k}" for k in range(10)], 4),
    kind=np.repeat(["x", "y"], 20),
    size=np.arange(40.0),
)


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("f.npy", X)
    TABLE.to_csv("f.csv", index=False)
    TABLE.to_parquet("f.parquet", index=False)
    return tmp_path


def test_an_array_gives_the_rows_that_the_selector_picks(files, run, run_json):
    found = run_json("select-rows", "f.npy", "--budget", "0.1", "--seed", 3)
    expected = winnow.Selector(size=0.1).fit(X)
    assert found["rows"] == expected.indices_.tolist()
    assert (found["n_rows"], found["n_features"], found["groups"]) == (40, 3, None)
    assert found["bandwidth"] == expected.bandwidth_
    code, out, err = run("select-rows", "f.npy", "--budget", 4, "-o", "k.npy")
    assert (code, err) == (0, "")
    assert out.startswith("k.npy: 4 rows of f.npy, 4 rows of 40 in all, by facility_location (")
    assert np.array_equal(np.load("k.npy"), X[expected.support_])


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_table_with_groups_and_labels(files, run_json, kind):
    words = ["--group", "molecule", "--ignore", "kind,size", "--method", "fps", "--budget", 2]
    found = run_json("select-rows", f"f.{kind}", *words, "-o", f"k.{kind}", "--bandwidth", "0.8")
    expected = winnow.Selector("fps", size=2, bandwidth=0.8).fit(X, groups=TABLE["molecule"])
    assert found["groups"] == expected.groups_.tolist()
    assert found["rows"] == np.flatnonzero(expected.support_).tolist()
    read = pd.read_csv if kind == "csv" else pd.read_parquet
    kept = read(f"k.{kind}")
    assert list(kept) == list(TABLE)
    assert set(kept["molecule"]) == set(found["groups"])
    words = ["--importance", "size", "--ignore", "kind,molecule", "--method", "largest_force"]
    assert run_json("select-rows", f"f.{kind}", *words, "--budget", 2)["rows"] == [39, 38]
    words = ["--label", "kind", "--ignore", "size,molecule", "--method", "stratified"]
    rows = run_json("select-rows", f"f.{kind}", *words, "--budget", 4)["rows"]
    assert sorted(TABLE["kind"][rows]) == ["x", "x", "y", "y"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["f.csv", "--budget", 2, "--json"], "the column molecule does not hold numbers"),
        (["f.csv", "--budget", 2, "--json", "--group", "mol"], "has no column 'mol'; there are a"),
        (["f.npy", "--budget", 2], "say with -o where to write"),
        (["f.npy", "--budget", 2, "-o", "k.csv"], "ends otherwise than f.npy"),
        (["f.npy", "--budget", 2, "-o", "f.npy"], "would overwrite"),
        (["f.npy", "--budget", 2, "--json", "--method", "el2n"], "needs atoms"),
        (["f.npy", "--budget", 2, "--json", "--method-k", 2], "--method-k"),
        (["f.txt", "--budget", 2, "--json"], "features are read from .npy, .csv and .parquet"),
        (["flat.npy", "--budget", 2, "--json"], "has shape (3,), not (rows, features)"),
        (["broken.npy", "--budget", 2, "--json"], "broken.npy: cannot be read"),
        (["none.npy", "--budget", 2, "--json"], "none.npy"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_line(files, fails, words, said):
    np.save("flat.npy", np.zeros(3))
    (files / "broken.npy").write_bytes(b"\x93NUMPY")
    assert said in fails("select-rows", *words)


def test_select_names_the_command_for_arrays(files, fails):
    assert "winnow select-rows takes features" in fails("check", "f.npy")
