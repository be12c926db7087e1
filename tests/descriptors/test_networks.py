"""Learned features from the real packages, where these are installed: CHGNet, SevenNet, MACE.

None is part of a development environment: ``pip install 'winnow-atomistic[chgnet]'`` and so on, see
docs/versions.md. Nothing is loaded from the network: CHGNet and SevenNet bring their weights, the
MACE model is a small one with random weights.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from makers import Recorder, dataset_of
from numpy.testing import assert_allclose

import winnow_atomistic as winnow
from analytics.data.dataset import Dataset
from analytics.descriptors.chgnet import ChgnetSpec
from analytics.descriptors.distances import describe
from analytics.descriptors.learned import quiet
from analytics.descriptors.mace import MaceSpec
from analytics.descriptors.model_files import FOLDERS
from analytics.descriptors.sevennet import WEIGHTS, SevennetSpec
from analytics.information.kernel import KernelSpec
from analytics.pipeline import Pipeline
from analytics.runtime.cache import Cache
from analytics.runtime.errors import Cancelled, InputError
from analytics.runtime.workers import Workers

CARBON = Path(__file__).parents[2] / "assets" / "carbon.xyz.gz"


@dataclass(frozen=True)
class Network:
    module: str
    spec: Any
    #: Largest difference that single precision leaves between rows of order 1.
    rounding: float


@pytest.fixture(scope="module")
def tiny_mace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A MACE model in double precision, with vectors in its messages and two rounds."""
    with aside():
        import torch

        torch.serialization.add_safe_globals([slice])
        from e3nn.o3 import Irreps
        from mace.modules import ScaleShiftMACE, interaction_classes

        torch.manual_seed(0)
        before, kind = torch.get_default_dtype(), torch.float64
        torch.set_default_dtype(kind)
        block = interaction_classes["RealAgnosticResidualInteractionBlock"]
        model = ScaleShiftMACE(
            r_max=4.0, num_bessel=4, num_polynomial_cutoff=5, max_ell=2, interaction_cls=block,
            interaction_cls_first=block, num_interactions=2, num_elements=4,
            hidden_irreps=Irreps("8x0e+8x1o"), MLP_irreps=Irreps("4x0e"),
            gate=torch.nn.functional.silu, atomic_energies=np.zeros(4), avg_num_neighbors=8,
            atomic_numbers=[1, 6, 8, 14], correlation=2, atomic_inter_scale=1.0,
            atomic_inter_shift=0.0,
        )  # fmt: skip
        path = tmp_path_factory.mktemp("mace") / "tiny.model"
        torch.save(model, path)
        torch.set_default_dtype(before)
    return path


@contextmanager
def aside() -> Iterator[None]:
    """What the packages say at import is no failure of ours."""
    with quiet(), warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


@pytest.fixture(params=["chgnet", "sevennet", "mace"])
def network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Network:
    monkeypatch.delenv(FOLDERS, raising=False)
    module = {"sevennet": "sevenn"}.get(request.param, request.param)
    if find_spec(module) is None:
        pytest.skip(f"{module} is not installed")
    if request.param == "mace":
        return Network(module, MaceSpec(str(request.getfixturevalue("tiny_mace"))), 1e-5)
    spec = ChgnetSpec() if module == "chgnet" else SevennetSpec()
    return Network(module, spec, 2e-4)


def crystal(seed: int, symbol: str = "C") -> Atoms:
    atoms = bulk(symbol)
    atoms.rattle(0.1, seed=seed)
    return atoms


def rows(spec: Any, *frames: Atoms) -> np.ndarray:
    return describe(dataset_of(*frames), spec).values


@lru_cache
def small_carbon() -> Dataset:
    """Return the first twelve small structures of the carbon set."""
    data = winnow.read(CARBON)
    small = np.flatnonzero((data.sizes > 1) & (data.sizes <= 8))
    return data.take(small[:12])


# --- golden values -----------------------------------------------------------------------------


def expected_chgnet(frame: Atoms) -> np.ndarray:
    from chgnet.model.model import CHGNet
    from pymatgen.io.ase import AseAtomsAdaptor

    model = CHGNet.load(use_device="cpu", verbose=False)
    structure = AseAtomsAdaptor.get_structure(frame)
    return model.predict_structure(structure, task="e", return_atom_feas=True)["atom_fea"]


def expected_mace(frame: Atoms, path: str) -> np.ndarray:
    from mace.calculators import MACECalculator

    return MACECalculator(path, device="cpu").get_descriptors(frame)


def test_rows_are_those_of_the_package_itself(network) -> None:
    frame = crystal(1).repeat((2, 1, 1))
    found = rows(network.spec, frame)
    with aside():
        if network.module == "chgnet":
            expected = expected_chgnet(frame)
        elif network.module == "mace":
            expected = expected_mace(frame, network.spec.model_file)
        else:
            pytest.skip("SevenNet hands out energies, see the next test")
    assert found.shape == expected.shape
    assert_allclose(found, expected, rtol=0, atol=network.rounding)


@pytest.mark.parametrize("model", WEIGHTS)
def test_sevennet_reads_its_energies_from_the_rows(model) -> None:
    pytest.importorskip("sevenn")
    frame = crystal(1).repeat((2, 1, 1))
    frame.numbers[::2] = 14
    spec = SevennetSpec(model)
    found = rows(spec, frame)
    with aside():
        import torch
        from sevenn.calculator import SevenNetCalculator
        from sevenn.util import model_from_checkpoint

        network, _ = model_from_checkpoint(str(spec.file()))
        layers = dict(network.named_children())
        data = {"x": torch.from_numpy(found), "atomic_numbers": torch.from_numpy(frame.numbers)}
        types = network.z_to_onehot_tensor[data["atomic_numbers"]]
        data |= {"atom_type": types, "batch": torch.zeros(len(frame), dtype=torch.int64)}
        for name in ("reduce_input_to_hidden", "reduce_hidden_to_energy", "rescale_atomic_energy"):
            data = layers[name](data)
        frame.calc = SevenNetCalculator(str(spec.file()), device="cpu")
        expected = frame.get_potential_energies()
    assert_allclose(data["atomic_energy"].detach().numpy()[:, 0], expected, atol=1e-4)


# --- the definition ----------------------------------------------------------------------------


def test_axes_order_and_images_do_not_matter(network) -> None:
    rng = np.random.default_rng(0)
    atoms = crystal(5).repeat((2, 1, 1))
    atoms.numbers[1] = 14
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    order = rng.permutation(len(atoms))
    other = atoms[order]
    other.positions += rng.integers(-2, 3, (len(atoms), 3)) @ atoms.cell.array + rng.normal(size=3)
    other.set_cell(atoms.cell.array @ turn)
    other.positions = other.positions @ turn
    first, second = rows(network.spec, atoms), rows(network.spec, other)
    assert_allclose(second, first[order], rtol=0, atol=network.rounding)
    assert np.ptp(first, axis=0).max() > 100 * network.rounding  # else it would say nothing


def test_atoms_of_a_supercell_are_those_of_its_cell(network) -> None:
    atoms = crystal(2)
    large = rows(network.spec, atoms.repeat((1, 2, 2)))
    assert_allclose(large, np.tile(rows(network.spec, atoms), (4, 1)), atol=network.rounding)


def test_what_is_in_the_batch_does_not_matter(network) -> None:
    pair = Atoms("O2", [[0, 0, 0], [0, 0, 1.2]])  # no angle
    far = Atoms("HH", [[0, 0, 0], [0, 0, 30.0]])  # no neighbour
    frames = [pair, crystal(3), molecule("H2O"), far]
    together = rows(network.spec, *frames)
    alone = np.concatenate([rows(network.spec, frame) for frame in frames])
    assert_allclose(together, alone, rtol=0, atol=network.rounding)


def test_a_molecule_is_the_same_in_a_box_and_far_from_the_origin(network) -> None:
    free, boxed = molecule("H2O"), molecule("H2O", vacuum=10.0, pbc=True)
    far = molecule("H2O")
    far.positions += 1000.0
    first, second, third = (rows(network.spec, frame) for frame in (free, boxed, far))
    assert_allclose(second, first, rtol=0, atol=network.rounding)
    assert_allclose(third, first, rtol=0, atol=network.rounding)


# --- the chain ---------------------------------------------------------------------------------


def test_carbon_finds_its_width_and_is_selected_from(network) -> None:
    data = small_carbon()
    analysis = winnow.analyse(data, describe(data, network.spec), KernelSpec())
    assert analysis.spec.bandwidth == analysis.width.auto > 10 * network.rounding
    assert 0 < analysis.entropy_nats < np.log(len(analysis.descriptors.values))
    assert len(winnow.select(analysis, "facility_location", size=3)) == 3


def test_a_worker_process_describes_reports_and_is_stopped(network) -> None:
    data = dataset_of(*[crystal(seed) for seed in range(36)])
    workers = Workers(1)
    try:
        told = Recorder()
        pipeline = Pipeline(Cache(), workers=workers)
        found = pipeline.describe(data, network.spec, monitor=told)
        first = rows(network.spec, crystal(0))
        assert_allclose(found.values[:2], first, rtol=0, atol=network.rounding)
        assert told.fractions == sorted(told.fractions)
        with pytest.raises(Cancelled):
            Pipeline(Cache(), workers=workers).describe(
                data.take(np.arange(35)), network.spec, monitor=Recorder(cancel_at=2)
            )
    finally:
        workers.close()


def test_an_element_that_the_model_does_not_know_is_named(network) -> None:
    with pytest.raises(InputError, match=r"structure 1: .* was not trained on Og"):
        describe(dataset_of(crystal(0), bulk("Og", "fcc", a=4.0)), network.spec)


def test_a_file_without_a_model_is_one_line(tmp_path, monkeypatch) -> None:
    pytest.importorskip("mace")
    monkeypatch.delenv(FOLDERS, raising=False)
    path = tmp_path / "text.model"
    path.write_text("no model")
    with pytest.raises(InputError, match=r"text\.model: holds no MACE model"):
        describe(dataset_of(crystal(0)), MaceSpec(str(path)))
