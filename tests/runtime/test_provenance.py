"""The code is part of the key under which a result is kept."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from analytics.descriptors.distances import DistanceSpec
from analytics.runtime import provenance
from analytics.runtime.provenance import code_version


@pytest.fixture(autouse=True)
def fresh():
    """Read files anew, now and afterwards."""
    for function in (provenance._rooms, provenance._release, provenance._file):
        function.cache_clear()
    yield
    for function in (provenance._rooms, provenance._release, provenance._file):
        function.cache_clear()


def test_it_is_the_same_each_time_and_differs_by_room() -> None:
    assert code_version(("runtime",)) == code_version(("runtime",))
    assert code_version(("runtime",)) != code_version(("runtime", "data"))
    assert code_version(("runtime",), (DistanceSpec,)) == code_version(("runtime",))


def test_an_edited_file_changes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "analytics"
    (package / "runtime").mkdir(parents=True)
    (package / "runtime" / "a.py").write_text("x = 1\n")
    monkeypatch.setattr(provenance, "__file__", str(package / "runtime" / "provenance.py"))
    before = code_version(("runtime",))
    (package / "other.py").write_text("y = 1\n")
    provenance._rooms.cache_clear()
    assert code_version(("runtime",)) == before
    (package / "runtime" / "a.py").write_text("x = 2\n")
    provenance._rooms.cache_clear()
    assert code_version(("runtime",)) != before


def test_another_library_changes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    before = code_version(("runtime",))
    provenance._rooms.cache_clear()
    monkeypatch.setattr(provenance, "_release", lambda name: "99")
    assert code_version(("runtime",)) != before


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
        versions.append(code_version((), (module.Spec,)))
    assert versions[0] != versions[1]
    assert code_version((), (type("Gone", (), {"__module__": "gone"}),)) not in versions
