"""A check of a plug-in is one file: the notebook, the terminal and the page show what it finds."""

import json
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms

from analytics.cli.main import main
from analytics.data.checks.registry import CHECKS, check
from analytics.data.readers import dataset_from_atoms
from analytics.pipeline import Pipeline
from analytics.runtime import registry
from analytics.runtime.cache import Cache
from analytics.runtime.errors import Cancelled
from analytics.runtime.progress import Silent
from analytics.runtime.store import Store
from views.data.view import DataView
from views.kit import action_list
from views.kit.javascript import module_text
from views.state.jobs import Inline
from views.state.session import Session

PLUGIN = '''
from analytics.data.checks.registry import register


@register("odd_sizes")
def check_odd_sizes(subject):
    """Note structures with an odd number of atoms."""
    odd = subject.dataset.sizes % 2 == 1
    yield from subject.having("odd_size", "warning", odd, "an odd number of atoms", "<made up>")
'''


@pytest.fixture
def plug_in(monkeypatch, tmp_path):
    """Make a module of this source the only plug-in."""

    def install(source: str) -> None:
        (tmp_path / "my_checks.py").write_text(source)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "my_checks", raising=False)
        point = EntryPoint("mine", "my_checks", "winnow.plugins")
        built_in = {name: CHECKS[name] for name in CHECKS}
        monkeypatch.setattr(registry, "entry_points", lambda group: [point])
        monkeypatch.setattr(CHECKS, "_items", built_in)
        monkeypatch.setattr(CHECKS, "_plugins_loaded", False)

    yield install
    sys.modules.pop("my_checks", None)


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    made = []
    for size in (2, 3, 4, 5, 6):
        atoms = Atoms(f"C{size}", positions=3.0 * np.arange(size)[:, None] + rng.random((size, 3)))
        atoms.info |= {"REF_energy": -1.0, "config_type": "x"}
        atoms.new_array(
            "REF_forces", rng.permutation(np.linspace(-0.005, 0.005, size))[:, None] * [1, 0, 0]
        )
        made.append(atoms)
    return made


def test_the_checks_of_this_package_come_in_the_order_of_the_report() -> None:
    assert list(CHECKS) == [
        "left_out", "positions", "cells", "open_boundaries", "species_columns", "duplicate_keys",
        "fractional_positions",
        "lengths", "overlapping_atoms", "close_atoms", "energies", "energies_per_atom",
        "energy_units", "all_electron_energies", "forces", "large_forces",
        "forces_against_energies", "labels_apart", "net_force", "net_torque", "frozen_atoms",
        "zero_forces", "stress", "unconverged", "duplicates", "conflicting_duplicates",
        "conflicting_forces",
        "charge_and_spin", "energy_out_of_line", "reference_energies", "isolated_atoms",
        "no_neighbours", "rare_elements", "other_labels", "config_types",
    ]  # fmt: skip


def test_a_plug_in_brings_a_check(plug_in, images, tmp_path, capsys) -> None:
    plug_in(PLUGIN)
    data = dataset_from_atoms(images)
    (found,) = check(data).findings
    assert (found.code, found.severity) == ("odd_size", "warning")
    assert found.message == "2 structures have an odd number of atoms (frames 1, 3)"
    assert list(CHECKS)[-1] == "odd_sizes"

    path = tmp_path / "chains.xyz"
    ase.io.write(path, images, format="extxyz")
    assert main(["check", str(path), "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)["findings"]
    assert (told["code"], told["structures"]) == ("odd_size", [1, 3])

    session = Session(Inline(), Pipeline(Cache(store=Store(tmp_path / "store"))))
    session.open_dataset(data)
    shown = str(DataView(session).findings.list.entries)
    assert "2 structures have an odd number of atoms" in shown
    assert "<made up>" in shown  # the list writes it as text, never as HTML:
    assert "innerHTML" not in module_text(Path(action_list.__file__).with_suffix(".js"))


def test_a_report_on_disk_is_not_that_of_other_plug_ins(plug_in, images, tmp_path) -> None:
    data, store = dataset_from_atoms(images), Store(tmp_path / "store")
    assert Pipeline(Cache(store=store)).check(data).findings == ()
    plug_in(PLUGIN)
    assert [f.code for f in Pipeline(Cache(store=store)).check(data).findings] == ["odd_size"]


def test_a_check_that_fails_is_named_and_the_others_go_on(plug_in, images) -> None:
    plug_in(PLUGIN.replace("    odd =", "    1 / 0\n    odd ="))
    images[2].positions[1] = images[2].positions[0]
    with pytest.warns(UserWarning, match="the check odd_sizes failed: ZeroDivisionError"):
        report = check(dataset_from_atoms(images))
    assert [f.code for f in report.findings] == ["overlapping_atoms", "odd_sizes"]
    assert report.findings[1].message.startswith("the check odd_sizes failed")


def test_checks_can_be_cancelled(images) -> None:
    class Impatient(Silent):
        def checkpoint(self) -> None:
            raise Cancelled

    with pytest.raises(Cancelled):
        check(dataset_from_atoms(images), monitor=Impatient())
