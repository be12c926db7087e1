"""Learned features with stand-ins for the networks: what is ours of them, wherever tests run."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.io import write
from fake_networks import Modules, twin
from makers import Recorder, dataset_of
from numpy.testing import assert_allclose, assert_array_equal

import winnow_atomistic as winnow
from analytics.cli.main import main
from analytics.descriptors.base import DESCRIPTORS, descriptor_fingerprint
from analytics.descriptors.chgnet import ChgnetSpec
from analytics.descriptors.distances import describe
from analytics.descriptors.mace import MaceSpec
from analytics.descriptors.model_files import FOLDERS, model_files
from analytics.descriptors.sevennet import SevennetSpec
from analytics.descriptors.species import sees_elements
from analytics.information.kernel import KernelSpec
from analytics.pipeline import Pipeline
from analytics.runtime.cache import Cache
from analytics.runtime.errors import Cancelled, InputError, WinnowError
from analytics.runtime.registry import options_of

NETWORKS = ("chgnet", "sevennet", "mace")


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Modules:
    monkeypatch.delenv(FOLDERS, raising=False)
    return Modules(monkeypatch, tmp_path)


@pytest.fixture(params=NETWORKS)
def spec(request: pytest.FixtureRequest, modules: Modules) -> Any:
    return network(modules, request.param)


def network(modules: Modules, name: str) -> Any:
    file = getattr(modules, name)()
    return DESCRIPTORS[name][0](**({} if file is None else {"model_file": str(file)}))


def frames() -> list[Atoms]:
    silicon = bulk("Si", cubic=True)
    silicon.rattle(0.1, seed=1)
    slab = bulk("C").repeat((2, 2, 1))
    slab.pbc = (True, True, False)
    return [silicon, molecule("CH4"), bulk("C"), slab, molecule("SiH4")]


def test_rows_are_those_of_the_network_in_the_order_of_the_file(spec) -> None:
    atoms = frames()
    found = describe(dataset_of(*atoms, Atoms("H")), spec)
    assert_allclose(found.values, np.concatenate([twin(a) for a in atoms]), rtol=1e-6)
    assert found.values.dtype == np.float32
    assert_array_equal(found.structures, range(5))
    assert found.spec == spec


def test_batches_do_not_matter(spec, monkeypatch) -> None:
    data = dataset_of(*frames())
    whole = describe(data, spec).values
    for most in (1, 5, 10_000):
        monkeypatch.setattr("analytics.descriptors.learned.ENVIRONMENTS_PER_CALL", most)
        assert_array_equal(describe(data, spec).values, whole)


def test_the_chain_runs_and_finds_its_own_width(spec) -> None:
    rng = np.random.default_rng(0)
    atoms = [bulk("Si", cubic=True) for _ in range(12)]
    for a in atoms:
        a.rattle(0.1, rng=rng)
    data = dataset_of(*atoms)
    analysis = winnow.analyse(data, describe(data, spec), KernelSpec())
    assert analysis.width.published is None
    assert analysis.spec.bandwidth == analysis.width.auto > 0
    assert 0 < analysis.entropy_nats <= np.log(96)
    assert len(winnow.select(analysis, "facility_location", size=3)) == 3


def test_progress_and_cancel(spec) -> None:
    data, told = dataset_of(*[bulk("C").repeat(3) for _ in range(6)]), Recorder()
    describe(data, spec, monitor=told)
    assert told.fractions == sorted(told.fractions)
    assert told.fractions[-1] == 1.0
    assert told.checkpoints > 5
    with pytest.raises(Cancelled):
        describe(data, spec, monitor=Recorder(cancel_at=3))


def test_the_fingerprint_follows_weights_and_versions(modules) -> None:
    data, spec = dataset_of(*frames()), network(modules, "mace")
    first = descriptor_fingerprint(data, spec)
    assert describe(data, spec).fingerprint == first
    modules.versions["mace-torch"] = "0.3.17"
    second = descriptor_fingerprint(data, spec)
    modules.write("own.model", "others")
    os.utime(spec.model_file, ns=(1, 1))
    assert len({first, second, descriptor_fingerprint(data, spec)}) == 3


def test_what_was_described_is_remembered(modules, tmp_path) -> None:
    data, spec = dataset_of(*frames()), network(modules, "chgnet")
    kept = Pipeline(Cache()).describe(data, spec)
    assert describe(data, spec).fingerprint == kept.fingerprint
    pipeline = Pipeline(Cache())
    first = pipeline.describe(data, spec)
    assert pipeline.describe(data, spec) is first


def test_the_elements_are_seen(spec) -> None:
    assert sees_elements(spec)


def test_what_cannot_be_described_is_refused_by_structure(spec, monkeypatch) -> None:
    gold = bulk("Og", "fcc", a=4.0)
    with pytest.raises(InputError, match=r"structure 1: .* was not trained on Og"):
        describe(dataset_of(bulk("C"), gold), spec)
    lost = bulk("C")
    lost.positions[1, 1] = np.nan
    with pytest.raises(InputError, match="structure 2: a position"):
        describe(dataset_of(bulk("C"), bulk("Si"), lost), spec)
    monkeypatch.setattr("fake_networks.twin", lambda frame: np.full((len(frame), 3), np.nan))
    with pytest.raises(InputError, match=r"structure 0: .* gives no numbers for it"):
        describe(dataset_of(bulk("C")), spec)


@pytest.mark.parametrize(
    ("name", "package"), [("chgnet", "chgnet"), ("sevennet", "sevenn"), ("mace", "mace-torch")]
)
def test_without_the_package_the_way_to_get_it_is_named(modules, name, package) -> None:
    with pytest.raises(
        WinnowError, match=rf"{name} needs the package {package}, .*winnow-atomistic\[{name}\]"
    ):
        describe(dataset_of(bulk("C")), DESCRIPTORS[name][0]())


def test_a_package_that_cannot_be_imported_is_one_line(modules) -> None:
    modules.chgnet()
    del modules.modules["pymatgen.core"]
    with pytest.raises(WinnowError, match=r"the package chgnet cannot be used: .*pymatgen"):
        describe(dataset_of(bulk("C")), ChgnetSpec())


def test_weights_that_the_wheel_lacks_are_named(modules) -> None:
    modules.chgnet()
    modules.sevennet()
    with pytest.raises(InputError, match=r"chgnet 0\.4\.2 brings no weights of the model r2scan"):
        describe(dataset_of(bulk("C")), ChgnetSpec("r2scan"))
    with pytest.raises(InputError, match=r"brings no weights of the model 7net-l3i5"):
        describe(dataset_of(bulk("C")), SevennetSpec("7net-l3i5"))


def test_a_model_file_that_is_none_is_named(modules, tmp_path) -> None:
    modules.mace()
    data = dataset_of(bulk("C"))
    with pytest.raises(WinnowError, match="needs the file of a model as model_file"):
        describe(data, MaceSpec())
    with pytest.raises(InputError, match=r"gone\.model: there is no such model file"):
        describe(data, MaceSpec(str(tmp_path / "gone.model")))
    with pytest.raises(InputError, match="cannot be read"):
        describe(data, MaceSpec(str(tmp_path)))
    with pytest.raises(InputError, match=r"text\.model: holds no MACE model: no pickle"):
        describe(data, MaceSpec(str(modules.write("text.model", "no pickle"))))


def test_a_page_reads_only_models_of_its_folders(modules, tmp_path, monkeypatch) -> None:
    spec, data = network(modules, "mace"), dataset_of(bulk("C"))
    folder = tmp_path / "trusted"
    folder.mkdir()
    monkeypatch.setenv(FOLDERS, "")
    assert model_files() == []
    for named in (spec.model_file, "own.model"):
        with pytest.raises(InputError, match="winnow serve --models FOLDER"):
            describe(data, MaceSpec(named))
    own = modules.write("trusted/mine.model")
    monkeypatch.setenv(FOLDERS, str(folder))
    assert model_files() == [own]
    for named in (str(own), "mine.model"):
        assert describe(data, MaceSpec(named)).n_environments == 2
    for named in ("../own.model", spec.model_file, str(folder), str(folder / ".." / "own.model")):
        with pytest.raises(InputError, match="winnow serve --models FOLDER"):
            describe(data, MaceSpec(named))


def test_the_page_knows_that_it_is_a_file() -> None:
    assert [option.file for option in options_of(MaceSpec)] == [True]
    assert not any(option.file for option in options_of(ChgnetSpec))


def test_in_the_terminal(modules, tmp_path, capsys) -> None:
    spec = network(modules, "mace")
    modules.chgnet()
    atoms = [bulk("Si", cubic=True) for _ in range(6)]
    for at, a in enumerate(atoms):
        a.rattle(0.1, seed=at)
    write(tmp_path / "set.xyz", atoms)
    network_options = {
        "chgnet": ["--descriptor-model", "0.3.0"],
        "mace": ["--descriptor-model-file", spec.model_file],
    }
    for name, options in network_options.items():
        if name == "mace":
            modules.mace()
        command = ["analyse", str(tmp_path / "set.xyz"), "--descriptor", name, *options, "--json"]
        assert main(command) == 0
        found = json.loads(capsys.readouterr().out)  # nothing else on standard output
        assert found["descriptor_name"] == name
    assert main(["analyse", str(tmp_path / "set.xyz"), "--descriptor", "mace"]) == 2
    assert "needs the file of a model" in capsys.readouterr().err
