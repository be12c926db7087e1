"""The code is part of the key under which a result is kept."""

from __future__ import annotations

import importlib.util
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import grimp
import pytest

from analytics.curation.duplicates import near_duplicates
from analytics.data.checks.registry import CHECKS, check
from analytics.descriptors.base import DESCRIPTORS
from analytics.descriptors.distances import DistanceSpec, describe
from analytics.evaluation.embedding import embed_pca, embed_umap
from analytics.evaluation.prefixes import prefix_metrics
from analytics.evaluation.redundancy import redundancy
from analytics.information.analysis import analyse, refine
from analytics.pipeline import Pipeline
from analytics.potential.design_rows import compute_design
from analytics.potential.normal_equations import make_equations
from analytics.runtime import provenance
from analytics.runtime.provenance import code_version
from analytics.selection.base import METHODS


@pytest.fixture(autouse=True)
def fresh():
    """Read files anew, now and afterwards."""
    for function in (provenance._sources, provenance._file):
        function.cache_clear()
    yield
    for function in (provenance._sources, provenance._file):
        function.cache_clear()


def files(*makers: Any) -> set[Path]:
    """Return the files that the version of some code covers."""
    rooms = set().union(*(provenance._rooms(maker.__module__.split(".")[1]) for maker in makers))
    return set(provenance._files(tuple(rooms)))


STAGES = [
    check,
    describe,
    analyse,
    refine,
    prefix_metrics,
    embed_pca,
    embed_umap,
    redundancy,
    compute_design,
    make_equations,
    near_duplicates,
    Pipeline,
    *(method.run for method in (METHODS[name] for name in METHODS)),
    *(CHECKS[name] for name in CHECKS),
    *(DESCRIPTORS[name][1] for name in DESCRIPTORS),
]


@pytest.fixture(scope="module")
def imports() -> grimp.ImportGraph:
    return grimp.build_graph("analytics")


@pytest.mark.parametrize("maker", STAGES, ids=lambda maker: maker.__module__)
def test_it_covers_all_modules_that_a_stage_imports(maker: Any, imports: grimp.ImportGraph) -> None:
    """A stage whose key lacked one of them would take results of other code from the disk."""
    used = {maker.__module__, *imports.find_upstream_modules(maker.__module__)} - {"analytics"}
    assert {Path(importlib.util.find_spec(name).origin) for name in used} <= files(maker)


def test_it_covers_all_libraries_that_compute() -> None:
    """A new import needs its distribution named, or a place among those that change no result."""
    graph = grimp.build_graph("analytics", include_external_packages=True)
    modules = {m for m in graph.modules if not m.startswith("analytics")}
    modules -= set(sys.stdlib_module_names)
    named = {name for m in modules for name in packages_distributions().get(m, [m])}
    others = {
        "MarkupSafe",
        "cloudpickle",
        "dask",
        "distributed",
        "extxyz",
        "pandas",
        "shtab",
        "threadpoolctl",
        "zstandard",
    }
    others |= {"pyscf"}  # of a plug-in, which keeps its own results
    assert named - others <= set(provenance._LIBRARIES)


def test_layers_are_those_of_the_import_contracts() -> None:
    """From the bottom up; what is left out stands above all that are named, and uses them all."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    contracts = {each["id"]: each for each in project["tool"]["importlinter"]["contracts"]}
    layers = [re.findall(r"\w+", layer) for layer in reversed(contracts["stages"]["layers"])]
    named = [[room for room in layer if room != "density"] for layer in layers]
    assert named[: len(provenance._LAYERS)] == [list(layer) for layer in provenance._LAYERS]


def test_it_is_the_same_each_time_and_differs_by_room() -> None:
    assert code_version(describe) == code_version(describe)
    assert code_version(describe) != code_version(check)
    assert code_version(describe, check) == code_version(describe, DistanceSpec)


def test_an_edited_file_changes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "analytics"
    edited = {name: package / name / "a.py" for name in ("linalg", "data", "descriptors", "new")}
    for path in edited.values():
        path.parent.mkdir(parents=True)
        path.write_text("x = 1\n")
    monkeypatch.setattr(provenance, "__file__", str(package / "runtime" / "provenance.py"))
    versions = [code_version(check)]
    for name in ("descriptors", "new", "data", "linalg"):  # the first two are no part of checks
        edited[name].write_text("x = 2\n")
        provenance._sources.cache_clear()
        versions.append(code_version(check))
    assert versions[0] == versions[1] == versions[2]
    assert len(set(versions)) == 3


def test_a_room_without_a_place_uses_all() -> None:
    unknown = type("Unknown", (), {"__module__": "analytics.unknown.study"})
    assert files(Pipeline) - files(unknown) == {Path(sys.modules[Pipeline.__module__].__file__)}


def test_another_library_changes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    before = code_version(check)
    provenance._sources.cache_clear()
    monkeypatch.setattr(provenance, "version_of", lambda name: "99")
    assert code_version(check) != before


def test_a_plug_in_brings_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    versions = []
    for text in ("class Spec: pass\n", "class Spec: pass  # changed\n"):
        path = tmp_path / "made_plugin.py"
        path.write_text(text)
        found = importlib.util.spec_from_file_location("made_plugin", path)
        module = importlib.util.module_from_spec(found)
        monkeypatch.setitem(sys.modules, "made_plugin", module)
        found.loader.exec_module(module)
        provenance._file.cache_clear()
        versions.append(code_version(module.Spec))
    assert versions[0] != versions[1]
    assert code_version(type("Gone", (), {"__module__": "gone"})) not in versions
