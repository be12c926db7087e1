"""Splits, tables, prefixes, importance and predictions of other models."""

from __future__ import annotations

import json
from functools import partial

import numpy as np
import pandas as pd
import pytest
from ase import Atoms
from makers import Recorder, make_dataset
from numpy.testing import assert_allclose, assert_array_equal
from retrain_makers import make_structures

import winnow_atomistic as winnow
from analytics.cli.main import main
from analytics.data.dataset import Dataset
from analytics.data.readers import dataset_from_atoms
from analytics.evaluation.retrain import ground as ground_module
from analytics.evaluation.retrain.check import RetrainCheck
from analytics.evaluation.retrain.errors import make_test
from analytics.evaluation.retrain.evaluate import COLUMNS, WHOLE_POOL, retrain
from analytics.evaluation.retrain.ground import analysis_of_part, prepare_ground
from analytics.evaluation.retrain.predictions import (
    Prediction,
    errors_of,
    find_predictions,
    parity_of_prediction,
)
from analytics.evaluation.retrain.splits import make_splits
from analytics.information.analysis import Analysis
from analytics.potential.basis import choose_basis
from analytics.potential.design_cache import design_of
from analytics.potential.design_rows import compute_design, row_bytes
from analytics.potential.normal_equations import make_equations
from analytics.potential.spec import RetrainSpec
from analytics.runtime.errors import Cancelled, InputError, WinnowError
from analytics.selection.base import METHODS, select
from analytics.selection.equations import methods_spec
from analytics.selection.scores import SCORES

pytest.importorskip("featomic")

SMALL = RetrainSpec(cutoff=4.0, radial=4, angular=3, references=12)
MODELS = ("grand", "el2n", "leverage", "d_optimal", "least_variance")


def spring_energy(positions: np.ndarray) -> tuple[float, np.ndarray]:
    """Energy and forces of atoms that all pull at each other: something to learn."""
    vectors = positions[:, None] - positions[None]
    distances = np.linalg.norm(vectors, axis=2) + np.eye(len(positions))
    well = 1.0 - np.exp(-(distances - 1.5))
    np.fill_diagonal(well, 0.0)
    slope = 2 * well * np.exp(-(distances - 1.5)) / distances
    np.fill_diagonal(slope, 0.0)
    return 0.5 * float((well**2).sum()), -(slope[:, :, None] * vectors).sum(axis=1)


def clusters(n: int = 24, seed: int = 0, species: str = "C") -> list[Atoms]:
    """Distorted squares and pyramids under a force law; the last is an isolated atom."""
    rng = np.random.default_rng(seed)
    shape = 1.6 * np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0], [0.5, 0.5, 0.7]])
    frames = []
    for at in range(n):
        size = 4 + at % 2
        positions = shape[:size] + rng.normal(size=(size, 3)) * (0.05 + 0.02 * (at % 7))
        frames.append(Atoms(f"{species}{size}", positions))
        energy, forces = spring_energy(positions)
        frames[-1].info.update(energy=energy - 5.0 * size, config_type=f"of{size}")
        frames[-1].arrays["forces"] = forces
    lone = Atoms(species)
    lone.info.update(energy=-5.0, config_type="IsolatedAtom")
    lone.arrays["forces"] = np.zeros((1, 3))
    return [*frames, lone]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return winnow.read(write(tmp_path_factory.mktemp("data") / "clusters.xyz", clusters()))


@pytest.fixture(scope="module")
def analysis(data: Dataset) -> Analysis:
    return winnow.analyse(data, winnow.describe(data))


def write(path, frames: list[Atoms]):
    """Write extended XYZ without a calculator in between."""
    import ase.io

    ase.io.write(path, frames, format="extxyz")
    return path


# ------------------------------------------------------------------------------- splits


class TestSplits:
    def test_random(self, data: Dataset) -> None:
        found = make_splits(data, np.arange(24), "random", resamples=3, seed=1)
        assert [split.resample for split in found] == [0, 1, 2]
        for split in found:
            assert len(split.pool) == 19
            assert_array_equal(np.union1d(split.pool, split.held_out), np.arange(24))
            assert split.basis_from is None
        assert not np.array_equal(found[0].pool, found[1].pool)
        again = make_splits(data, np.arange(24), "random", resamples=3, seed=1)
        assert_array_equal(again[2].pool, found[2].pool)

    def test_high_force(self, data: Dataset) -> None:
        largest = np.array([data.force_norms[data.rows(s)].max() for s in range(24)])
        for split in make_splits(data, np.arange(24), "high_force", resamples=2):
            assert len(split.held_out) == 4
            assert largest[split.held_out].min() > largest[split.basis_from].max()
            assert set(split.pool) < set(split.basis_from)
            assert not set(split.held_out) & set(split.basis_from)

    def test_leave_class_out(self, data: Dataset) -> None:
        found = make_splits(data, np.arange(24), "leave_class_out", resamples=2)
        assert [split.test for split in found] == ["of4", "of4", "of5", "of5"]
        for split in found:
            assert set(data.config_type[split.held_out]) == {split.test}
            assert split.test not in data.config_type[split.pool]

    def test_too_little_to_split(self, data: Dataset) -> None:
        with pytest.raises(InputError, match=r"3 structures .* too few"):
            make_splits(data, np.arange(3))
        with pytest.raises(InputError, match="two values of config_type"):
            make_splits(data, np.arange(0, 24, 2), "leave_class_out")
        calm = make_dataset((2, 2, 2, 2, 2), forces=False)
        with pytest.raises(InputError, match="needs forces"):
            make_splits(calm, np.arange(5), "high_force")


# ------------------------------------------------------------------------------- table


class TestRetrain:
    def test_one_row_per_method_budget_resample_and_test(self, analysis: Analysis) -> None:
        other = dataset_from_atoms(clusters(5, seed=9), "other")
        methods = ("random", "kmeans", "largest_force", "d_optimal")
        found = retrain(
            analysis, methods, [0.25, 12], tests={"other": other}, resamples=2, spec=SMALL
        )
        table = found.table
        assert list(table.columns) == list(COLUMNS)
        assert len(table) == (4 * 2 + 1) * 2 * 2
        keys = ["method", "budget", "resample", "test"]
        assert not table.duplicated(keys).any()
        assert set(table.test) == {"hold_out", "other"}
        assert set(table.n_structures) == {5, 12, 19}  # of a pool of 19
        assert np.isfinite(table.force_rmse_ev_a).all()
        whole = table[table.method == WHOLE_POOL].force_rmse_ev_a.mean()
        few = table[(table.method == "random") & (table.budget == 0.25)].force_rmse_ev_a.mean()
        assert whole < few
        classes = found.classes[(found.classes.test == "hold_out")]
        assert set(classes.config_type) == {"of4", "of5"}
        assert set(classes.groupby(keys).n_test_structures.sum()) == {5}

    def test_a_row_is_the_fit_it_says_it_is(self, analysis: Analysis, data: Dataset) -> None:
        found = retrain(analysis, ["largest_force"], [0.5], resamples=1, spec=SMALL, seed=4)
        (split,) = make_splits(data, np.arange(24), resamples=1, seed=4)
        largest = np.array([data.force_norms[data.rows(int(s))].max() for s in split.pool])
        members = split.pool[np.argsort(-largest, kind="stable")[:10]]
        equations = make_equations(design_of(data, SMALL))
        test = make_test("hold_out", equations, split.held_out)
        total, _ = test.errors(equations.fit(np.append(members, 24)))  # and the isolated atom
        row = found.table.iloc[0]
        assert row.energy_rmse_mev_atom == pytest.approx(total.energy_rmse_mev_atom, rel=1e-6)
        assert row.force_rmse_ev_a == pytest.approx(total.force_rmse_ev_a, rel=1e-6)

    @pytest.mark.parametrize("split", ["high_force", "leave_class_out"])
    def test_other_splits(self, analysis: Analysis, split: str) -> None:
        found = retrain(analysis, ["random"], [0.5], split=split, resamples=2, spec=SMALL)
        tests = {"high_force"} if split == "high_force" else {"of4", "of5"}
        assert set(found.table.test) == tests
        assert len(found.table) == 2 * 2 * len(tests)

    def test_structures_that_cannot_be_predicted_change_nothing_else(self) -> None:
        known, foreign = clusters(), clusters(4, seed=1, species="Si")[:4]
        for atoms in foreign:
            atoms.info["config_type"] = "of5"
        tables = []
        # the foreign ones come first: every other structure has another place then
        for frames in (known, [*foreign, *known]):
            data = dataset_from_atoms(frames, "mixed")
            information = winnow.analyse(data, winnow.describe(data))
            found = retrain(
                information, ["largest_force"], [0.5], split="leave_class_out", resamples=1,
                spec=SMALL,
            )  # fmt: skip
            table = found.table[found.table.test == "of5"]
            tables.append(table[["energy_rmse_mev_atom", "force_rmse_ev_a"]].to_numpy())
        assert "4 structures of of5 are not tested" in " ".join(found.notes)
        assert_allclose(tables[1], tables[0], rtol=1e-5)

    def test_methods_see_nothing_of_what_is_held_out(self, analysis: Analysis) -> None:
        pool = np.array([0, 3, 4, 9, 11, 20])
        part = analysis_of_part(analysis, pool)
        alone = analysis.dataset.take(pool)
        # the width is a setting, the same for all parts
        expected = winnow.analyse(alone, winnow.describe(alone), analysis.spec)
        assert part.dataset.fingerprint == alone.fingerprint
        assert part.entropy_nats == pytest.approx(expected.entropy_nats)
        assert_allclose(part.outliers.structure_max, expected.outliers.structure_max)
        one, other = (select(each, "facility_location") for each in (part, expected))
        assert_array_equal(one.structures, other.structures)

    def test_a_large_set_is_sampled_and_says_so(
        self, analysis: Analysis, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ground_module, "MOST_STRUCTURES", 10)
        found = retrain(analysis, ["random"], [0.5], resamples=1, spec=SMALL)
        assert found.sampled == 10
        assert "10 of 24 structures" in found.notes[0]
        assert set(found.table.n_structures) == {4, 8}

    def test_isolated_atoms_stay_in_a_sample(
        self, analysis: Analysis, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ground_module, "MOST_STRUCTURES", 10)
        ground = prepare_ground(analysis, "random", resamples=2, spec=SMALL)
        assert ground.sampled == 10
        assert len(ground.structures) == 11
        assert ground.structures[-1] == 24  # the isolated atom, last in the file
        kept = ground.equations.design.dataset
        assert_array_equal(kept.energies, analysis.dataset.energies[ground.structures])
        assert_array_equal(np.flatnonzero(kept.isolated), ground.check(0).base)
        part = ground.part(1)
        assert_array_equal(
            part.descriptors.values,
            analysis_of_part(analysis, ground.structures[ground.splits[1].pool]).descriptors.values,
        )

    def test_classes_left_out_share_their_rows(
        self, analysis: Analysis, monkeypatch: pytest.MonkeyPatch, tmp_path
    ) -> None:
        """Rows are computed once for all classes; the errors are those of each by itself."""
        monkeypatch.setenv("WINNOW_CACHE", str(tmp_path))
        spec = RetrainSpec(cutoff=4.0, radial=4, angular=2, references=10)
        computed = []

        def count(dataset, basis, **rest):
            computed.append(len(basis))
            return compute_design(dataset, basis, **rest)

        monkeypatch.setattr("analytics.potential.design_cache.compute_design", count)
        call = partial(retrain, analysis, ["largest_force"], [0.5], split="leave_class_out",
                       resamples=1)  # fmt: skip
        shared = call(spec=spec).table
        assert len(computed) == 1
        monkeypatch.setattr(ground_module, "basis_family", lambda *_: [])
        spec = RetrainSpec(cutoff=4.0, radial=4, angular=2, references=10, prior=10.0 + 1e-9)
        alone = call(spec=spec).table
        assert len(computed) == 3
        assert_allclose(shared.force_rmse_ev_a, alone.force_rmse_ev_a, rtol=1e-3)

    def test_options_of_methods_reach_them(self, analysis: Analysis) -> None:
        mixed = {"first": "kmeans", "second": "largest_force", "share": 0.0}
        found = retrain(
            analysis,
            ["hybrid", "largest_force"],
            [0.5],
            resamples=1,
            spec=SMALL,
            specs={"hybrid": mixed},
        ).table.set_index("method")
        one, other = found.loc["hybrid"], found.loc["largest_force"]
        assert one.force_rmse_ev_a == pytest.approx(other.force_rmse_ev_a, rel=1e-6)

    def test_bad_input_is_named(self, analysis: Analysis) -> None:
        gold = dataset_from_atoms(clusters(3, species="Au"), "gold")
        with pytest.raises(InputError, match=r"gold, structure 0: has Au, which clusters\.xyz"):
            retrain(analysis, ["random"], tests={"gold": gold}, spec=SMALL)
        with pytest.raises(WinnowError, match="unknown selection method 'magic'"):
            retrain(analysis, ["magic"], spec=SMALL)
        with pytest.raises(Cancelled):
            retrain(analysis, ["random"], spec=SMALL, monitor=Recorder(cancel_at=3))


# ------------------------------------------------------------------------------- slider


@pytest.fixture(scope="module")
def check(data: Dataset, analysis: Analysis) -> RetrainCheck:
    equations = make_equations(compute_design(data, choose_basis(data, SMALL)))
    tests = [make_test("all", equations, np.arange(24))]
    check = RetrainCheck(equations, np.array([24]), np.arange(24), tuple(tests), {})
    for name in ("random", "largest_force"):
        check = check.with_order(name, select(analysis, name).structures)
    return check


class TestPrefixes:
    @pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 24])
    def test_a_prefix_is_the_fit_of_its_structures(self, check: RetrainCheck, size: int) -> None:
        order = check.orders["largest_force"].order
        expected = check.equations.fit(np.append(order[:size], 24))
        assert_allclose(check.fit("largest_force", size), expected, rtol=1e-5, atol=1e-7)

    def test_the_curve_ends_at_the_whole_pool(self, check) -> None:
        energy, force = check.curve("random", [6, 1.0]).errors["all"]
        total, by_class = check.whole_pool()["all"]
        assert energy[-1] == pytest.approx(total.energy_rmse_mev_atom, rel=1e-4)
        assert force[-1] == pytest.approx(total.force_rmse_ev_a, rel=1e-4)
        assert force[0] > force[-1]
        assert set(by_class) == {"of4", "of5"}
        with pytest.raises(ValueError, match="size is 25"):
            check.fit("random", 25)

    @pytest.mark.parametrize("many", [False, True])
    def test_putting_back_does_what_it_promises(
        self, check, many: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if many:  # estimates first, then the exact solve for the most promising
            monkeypatch.setattr("analytics.evaluation.retrain.check.MANY_FUNCTIONS", 0)
        found = check.put_back("random", 6)
        kept = check.orders["random"].order[:6]
        assert_array_equal(np.sort(np.append(found.structures, kept)), np.arange(24))
        assert (np.diff(found.loss) <= 1e-12).all()
        best = found.structures[0]
        with_all = make_test("all", check.equations)
        before, _ = with_all.errors(check.equations.fit(np.append(kept, 24)))
        after, _ = with_all.errors(check.equations.fit(np.append(kept, [best, 24])))
        gain = before.force_rmse_ev_a - after.force_rmse_ev_a
        assert found.force_ev_a[0] == pytest.approx(gain, rel=1e-3, abs=1e-6)
        gain = before.energy_rmse_mev_atom - after.energy_rmse_mev_atom
        assert found.energy_mev_atom[0] == pytest.approx(gain, rel=1e-3, abs=1e-4)
        assert (found.leverage > 0).all()

    def test_parity_leads_back_to_structures_and_atoms(self, check, data: Dataset) -> None:
        found = check.parity("random", 24, "all")
        assert_array_equal(found.structures, np.arange(24))
        assert_array_equal(found.atoms, np.arange(data.structure_offsets[24]))
        assert_array_equal(found.forces, data.forces[:-1])
        total, _ = check.whole_pool()["all"]
        error = np.sqrt(np.mean((found.predicted_forces - found.forces) ** 2))
        assert error == pytest.approx(total.force_rmse_ev_a, rel=1e-3)


# ------------------------------------------------------------------------------- importance


class TestImportance:
    def test_they_are_in_the_table_of_methods(self) -> None:
        assert set(MODELS) <= set(METHODS)
        assert set(MODELS[:3]) <= set(SCORES)

    def test_leverages_add_up_to_the_effective_number_of_parameters(
        self, analysis: Analysis, data: Dataset
    ) -> None:
        found = SCORES["leverage"].of(analysis)
        equations = make_equations(design_of(data))
        matrix, _ = equations.system(np.arange(24))
        values = np.linalg.eigvals(np.linalg.solve(matrix + np.diag(equations.prior), matrix))
        assert found.sum() == pytest.approx(values.real.sum(), rel=1e-6)

    def test_d_optimal_is_the_plain_greedy(self, analysis: Analysis, data: Dataset) -> None:
        found = select(analysis, "d_optimal", size=6)
        equations = make_equations(design_of(data))
        matrix, picks = np.diag(equations.prior), []
        for _ in range(6):
            values = [
                np.linalg.slogdet(matrix + equations.system(np.array([s]))[0])[1]
                if s not in picks
                else -np.inf
                for s in range(24)
            ]
            picks.append(int(np.argmax(values)))
            matrix = matrix + equations.system(np.array([picks[-1]]))[0]
        assert found.structures.tolist() == picks
        assert (np.diff(found.gains) <= 1e-9).all()

    @pytest.mark.parametrize("directions", [8, 400])
    @pytest.mark.parametrize("drop", [[], [2, 3, 11]])
    def test_least_variance_is_the_plain_greedy(
        self, analysis: Analysis, data: Dataset, directions: int, drop: list[int]
    ) -> None:
        found = select(
            analysis, "least_variance", spec={"directions": directions}, size=7, keep=[5], drop=drop
        )
        equations = make_equations(design_of(data))
        rest = np.setdiff1d(np.arange(24), drop)
        systems = [equations.system(np.array([s]))[0] for s in range(24)]
        _, vectors = np.linalg.eigh(sum(systems[s] for s in rest))
        top = vectors[:, -directions:]
        own = [top.T @ system @ top for system in systems]

        def variance(chosen: list[int]) -> float:
            matrix = top.T @ np.diag(equations.prior) @ top + sum(own[s] for s in chosen)
            inverse = np.linalg.inv(matrix)
            # the sum of products of elements is the trace of the product of matrices
            return float(np.mean([np.vdot(inverse.T, own[s]) / np.trace(own[s]) for s in rest]))

        picks = [5]
        while len(picks) < 7:
            candidates = [s for s in rest if s not in picks]
            picks.append(min(candidates, key=lambda s: variance([*picks, int(s)])))
        assert found.structures.tolist() == picks
        fallen = np.log(variance([5]) / variance(picks))
        assert found.gains[1:].sum() == pytest.approx(fallen, rel=1e-6)
        for other in ("d_optimal", "random", "largest_force"):
            chosen = select(analysis, other, size=7, keep=[5], drop=drop).structures.tolist()
            assert variance(picks) <= variance(chosen)

    @pytest.mark.parametrize("name", ["grand", "el2n"])
    def test_what_was_labelled_wrongly_comes_first(self, name: str) -> None:
        frames = clusters()
        frames[7].arrays["forces"] = -30.0 * frames[7].arrays["forces"]
        data = dataset_from_atoms_with_labels(frames)
        analysis = winnow.analyse(data, winnow.describe(data))
        assert select(analysis, name, size=1).structures.tolist() == [7]
        # where no little potential has learnt from it; by chance it would be one in 25
        first = [select(analysis, name, size=1, seed=seed).structures[0] for seed in range(12)]
        assert np.mean(np.array(first) == 7) >= 0.4

    def test_in_the_table_they_use_its_potential_and_the_pool_only(
        self, analysis: Analysis, data: Dataset
    ) -> None:
        (split,) = make_splits(data, np.arange(24), resamples=1)
        found = retrain(analysis, ["leverage"], [0.2], resamples=1, spec=SMALL).table
        equations = make_equations(design_of(data, SMALL))
        matrix = equations.system(split.pool)[0] + np.diag(equations.prior)
        scores = [
            np.trace(np.linalg.solve(matrix, equations.system(np.array([s]))[0]))
            for s in split.pool
        ]
        members = split.pool[np.argsort(-np.array(scores), kind="stable")[:4]]
        total, _ = make_test("x", equations, split.held_out).errors(
            equations.fit(np.append(members, 24))
        )
        assert found.force_rmse_ev_a.iloc[0] == pytest.approx(total.force_rmse_ev_a, rel=1e-5)

    def test_large_sets_get_fewer_references_or_are_refused(
        self, data: Dataset, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert methods_spec(data).references == RetrainSpec().references
        bytes_each = row_bytes(data, 1)
        monkeypatch.setattr("analytics.selection.equations.METHODS_BYTES", 60.5 * bytes_each)
        assert methods_spec(data).references == 60
        monkeypatch.setattr("analytics.selection.equations.METHODS_BYTES", 10 * bytes_each)
        with pytest.raises(WinnowError, match="open a part of it"):
            methods_spec(data)

    @pytest.mark.parametrize("name", MODELS)
    def test_without_labels(self, name: str) -> None:
        data = make_dataset((3, 4), energies=False, forces=False)
        with pytest.raises(InputError, match="neither energies nor forces"):
            select(winnow.analyse(data, winnow.describe(data)), name)


def dataset_from_atoms_with_labels(frames: list[Atoms]) -> Dataset:
    made = dataset_from_atoms(frames, "made")
    energies = np.array([atoms.info["energy"] for atoms in frames])
    forces = np.concatenate([atoms.arrays["forces"] for atoms in frames])
    return Dataset(
        made.numbers, made.positions, made.structure_offsets, made.cells, made.pbc,
        energies, forces, config_type=made.config_type,
    )  # fmt: skip


# ------------------------------------------------------------------------------- predictions


class TestPredictions:
    @pytest.fixture
    def predicted(self, tmp_path) -> Dataset:
        frames = clusters(6)
        for at, atoms in enumerate(frames):
            atoms.info["MACE_energy"] = atoms.info["energy"] + 0.01 * len(atoms) + 2.0 * (at == 0)
            atoms.arrays["MACE_forces"] = atoms.arrays["forces"] + 0.1
            atoms.info["energy_snap"] = atoms.info["energy"]
            atoms.info["dft_energy"] = atoms.info["energy"]
            atoms.info["kinetic_energy"] = 1.0
        return winnow.read(write(tmp_path / "predicted.xyz", frames))

    def test_models_are_found_by_name(self, predicted: Dataset) -> None:
        found = {
            each.model: (each.energy_key, each.forces_key) for each in find_predictions(predicted)
        }
        assert found == {"MACE": ("MACE_energy", "MACE_forces"), "snap": ("energy_snap", None)}
        assert find_predictions(make_dataset()) == ()

    def test_parity_and_errors_by_class(self, predicted: Dataset) -> None:
        mace = find_predictions(predicted)[0]
        parity = parity_of_prediction(predicted, mace)
        total, by_class = errors_of(parity, predicted)
        forces = [each.force_rmse_ev_a for each in (total, *by_class.values())]
        assert forces == pytest.approx([0.1] * 4)
        assert by_class["of5"].energy_rmse_mev_atom == pytest.approx(10.0)
        expected = 1e3 * np.sqrt(((0.01 + 0.5) ** 2 + 2 * 0.01**2) / 3)
        assert by_class["of4"].energy_rmse_mev_atom == pytest.approx(expected)
        assert total.n_environments == predicted.n_environments

    def test_aligned_energies_have_no_offset_per_species(self, predicted: Dataset) -> None:
        mace = find_predictions(predicted)[0]
        part = predicted.take(np.arange(1, 7))  # without the one that is wrong
        parity = parity_of_prediction(part, mace, align=True)
        assert_allclose(parity.predicted_energies, parity.energies, atol=1e-9)

    def test_without_labels_there_is_nothing_to_compare(self) -> None:
        data = make_dataset(energies=False, forces=False)
        with pytest.raises(InputError, match="to compare predictions with"):
            parity_of_prediction(data, Prediction("MACE", "MACE_energy"))


# ------------------------------------------------------------------------------- command


class TestCommand:
    SPEC = ("--model", "soap_gap", "--potential-cutoff", "4", "--potential-radial", "4",
            "--potential-references", "12")  # fmt: skip

    def test_rows_as_csv_and_json(self, tmp_path, capsys) -> None:
        file = write(tmp_path / "clusters.xyz", clusters())
        other = write(tmp_path / "other.xyz", clusters(5, seed=3))
        out, classes = tmp_path / "out.csv", tmp_path / "classes.csv"
        code = main(
            ["retrain", str(file), "--methods", "random,largest_force", "--budgets", "0.25,50%",
             "--test", f"far={other}", "--resamples", "2", "-o", str(out), "--classes",
             str(classes), "--json", *self.SPEC]
        )  # fmt: skip
        printed = json.loads(capsys.readouterr().out)
        assert code == 0
        table = pd.read_csv(out)
        assert list(table.columns) == list(COLUMNS)
        assert len(table) == len(printed["rows"]) == (2 * 2 + 1) * 2 * 2
        assert set(table.test) == {"hold_out", "far"}
        assert "config_type" in pd.read_csv(classes).columns

    def test_the_printed_table(self, tmp_path, capsys) -> None:
        file = write(tmp_path / "clusters.xyz", clusters())
        assert main(["retrain", str(file), "--methods", "random", "--budgets", "6,1,1.0",
                     "--resamples", "2", *self.SPEC]) == 0  # fmt: skip
        printed = capsys.readouterr().out
        budgets = [row.split()[1] for row in printed.splitlines() if row.startswith("random")]
        assert budgets == ["6", "1", "100"]  # one structure is not all of them (100 %)
        assert "whole_pool" in printed
        assert "2 resamples" in printed

    def test_bad_input_is_one_line(self, tmp_path, capsys) -> None:
        frames = clusters(4)
        for atoms in frames:
            atoms.info["energy"] = 0.0
        file = write(tmp_path / "zero.xyz", frames)
        assert main(["retrain", str(file)]) == 2
        error = capsys.readouterr().err
        assert "all 5 energies are 0 eV" in error
        assert error.count("\n") == 1
        assert main(["retrain", str(file), "--test", str(file), "--test", str(file)]) == 2
        assert "say NAME=FILE" in capsys.readouterr().err


def test_copies_of_what_is_trained_on_are_named() -> None:
    frames = make_structures(20)
    data = winnow.read([*frames, *frames])
    notes = prepare_ground(winnow.analyse(data), resamples=2, spec=RetrainSpec(references=12)).notes
    assert any("are exact copies of structures that are trained on" in note for note in notes)
    data = winnow.read(frames)
    assert not prepare_ground(
        winnow.analyse(data), resamples=2, spec=RetrainSpec(references=12)
    ).notes
