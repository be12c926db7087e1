"""The public face: its examples run, and a notebook works from structures in to structures out."""

import ast
import doctest
import inspect
import json
import re
import runpy
import sys
import urllib.request
from pathlib import Path

import ase.io
import numpy as np
import pytest

import winnow_atomistic as winnow
from analytics.cli.serve import Serving
from analytics.runtime.assets import asset

ROOT = Path(__file__).resolve().parents[1]
FUNCTIONS = [name for name in winnow.__all__ if inspect.isfunction(getattr(winnow, name))]
#: Without an example of their own: one sentence says it all, or another function shows it.
PLAIN = {
    "bandwidth_by_volume", "bandwidth_scan", "delta_entropy", "diversity", "entropy",
    "intrinsic_dimension", "leakage", "learning_curve", "measure", "novelty", "overlap_matrix",
}  # fmt: skip


@pytest.fixture(scope="module")
def names() -> dict[str, object]:
    """What the examples start from."""
    data = winnow.read(f"{asset('carbon.xyz.gz')}@0:60")
    information = winnow.analyse(data)
    kept = winnow.select(information, size=10)
    return {"winnow": winnow, "data": data, "information": information, "kept": kept}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_examples_run(name, names, monkeypatch) -> None:
    monkeypatch.chdir(ROOT)
    found = doctest.DocTestFinder().find(getattr(winnow, name), name, globs=dict(names))
    (test,) = found
    assert bool(test.examples) != (name in PLAIN)
    told: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    runner.run(test, out=told.append)
    assert not runner.failures, "".join(told)


def test_everything_a_notebook_needs_is_in_it() -> None:
    wanted = (
        "read describe analyse select compare retrain check conflicts overlap duplicates export "
        "to_atoms recipe replay serve panel"
    )
    assert set(wanted.split()) <= set(FUNCTIONS)


def test_structures_in_structures_out(tmp_path) -> None:
    frames = ase.io.read(asset("carbon.xyz.gz"), "0:40")
    data = winnow.read(frames)
    assert data == winnow.read(iter(frames)) == winnow.read(f"{asset('carbon.xyz.gz')}@0:40")
    assert winnow.read(frames[3]).n_structures == 1
    kept = winnow.select(winnow.analyse(data), size=0.25)
    back = winnow.to_atoms(data, kept)
    places = np.union1d(kept.indices, np.flatnonzero(data.isolated))
    assert len(back) == len(places) == round(0.25 * 39) + 1
    for atoms, place in zip(back, places, strict=True):
        assert atoms == frames[place]
        assert atoms.get_potential_energy() == frames[place].get_potential_energy()
        np.testing.assert_array_equal(atoms.get_forces(), frames[place].get_forces())
        assert atoms.info["config_type"] == frames[place].info["config_type"]
    assert winnow.to_atoms(data, [3])[0] == frames[3]
    assert len(winnow.to_atoms(data)) == 40
    files = winnow.export(data, kept, tmp_path / "kept.xyz")
    assert [winnow.read(file).n_structures for file in files[:2]] == [len(back), 40 - len(back)]
    assert winnow.read(files[0]) == data.take(places)
    with pytest.raises(winnow.WinnowError, match=r"is a str, no ase\.Atoms"):
        winnow.read([frames[0], "carbon.xyz"])


def test_the_names_of_the_stub_are_those_of_the_readme_and_of_the_module() -> None:
    text = (ROOT / "README.md").read_text()
    blocks = [block.partition("```")[0] for block in text.split("```python\n")[1:]]
    used = {
        node.attr
        for block in blocks
        for node in ast.walk(ast.parse(block))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        and node.value.id == "winnow"
    }  # fmt: skip
    assert used
    assert used <= set(winnow.__all__)


def test_the_page_is_served_from_a_notebook_and_stopped(names) -> None:
    frame = winnow.panel(names["data"], height=300)
    server = frame.server
    try:
        assert f'src="{server.url}"' in frame.object
        with urllib.request.urlopen(server.url, timeout=60) as answer:
            assert answer.status == 200
            assert "Winnow" in answer.read().decode()
        assert repr(server) == f"Server({server.url}, running)"
        assert server.url in server._repr_html_()
    finally:
        server.stop()
    server.stop()
    assert repr(server) == f"Server({server.url}, stopped)"


def test_a_page_that_does_not_start_says_why(monkeypatch) -> None:
    broken = [sys.executable, "-c", "raise SystemExit('no such luck')"]
    monkeypatch.setattr(Serving, "command", lambda self: broken)
    with pytest.raises(winnow.WinnowError, match="the page did not start: no such luck"):
        winnow.serve()


# ---- the notebook of the tutorials --------------------------------------------------------------


def _text(outputs) -> str:
    """What a notebook shows as text; fingerprints go by the last bit, and that by the machine."""
    said = []
    for each in outputs:
        said += each.get("text", []) or each["data"].get("text/plain", ["(picture)"])
    return re.sub(r"\b[0-9a-f]{8}\b", "fingerprint", "".join(said))


def test_the_notebook_shows_what_comes_out_of_its_cells() -> None:
    script = runpy.run_path(str(ROOT / "scripts/notebook.py"))
    kept = json.loads((ROOT / "docs/tutorials/carbon.ipynb").read_text(encoding="utf-8"))
    made = script["made"]()
    number = r"\d+(?:\.\d+)?"
    assert [cell["source"] for cell in kept["cells"]] == [c["source"] for c in made["cells"]]
    assert len({cell["id"] for cell in kept["cells"]}) == len(kept["cells"])
    shown = 0
    for old, new in zip(kept["cells"], made["cells"], strict=True):
        before, after = _text(old.get("outputs", [])), _text(new.get("outputs", []))
        assert re.sub(number, "#", before) == re.sub(number, "#", after)
        assert [float(x) for x in re.findall(number, after)] == pytest.approx(
            [float(x) for x in re.findall(number, before)], abs=0.11
        )
        shown += bool(before)
    assert shown >= 8
