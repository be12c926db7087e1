"""A comparison from data to table: splits, recovery of known densities, streaming, cancelling."""

from __future__ import annotations

import gzip
from dataclasses import replace
from itertools import count

import numpy as np
import pytest
from density_makers import archive, data_of
from makers import Recorder
from numpy.testing import assert_allclose, assert_array_equal

from analytics.density import study as study_module
from analytics.density.baseline import SHELLS, fit_superposition
from analytics.density.claims import check_claims
from analytics.density.descriptor import PointSpec, superposition_features
from analytics.density.grid import DensityData
from analytics.density.pictures import density_histogram, density_slice, project_points
from analytics.density.points import describe_set, split_snapshots, suggest
from analytics.density.readers import read_density
from analytics.density.results import (
    DensityResults,
    collect,
    dimension_of,
    load_results,
    precomputed,
    save_results,
)
from analytics.density.scores import ScoreSpec
from analytics.density.study import (
    FULL,
    StudySpec,
    compare_density,
    prepare_study,
    spec_for,
    vary_study,
)
from analytics.density.surrogate import NetworkSpec
from analytics.runtime.errors import Cancelled, InputError, WinnowError

ROLES = np.array(["train"] * 4 + ["test", "unseen"])
TINY = StudySpec(
    methods=("random", "grand"),
    kept=(0.5, 0.1),
    seeds=2,
    points=PointSpec(cutoff=3.5, channels=4),
    network=NetworkSpec(width=8, steps=40, batch=64),
    scores=ScoreSpec(networks=2, steps=20),
)


def made(**changes) -> DensityData:
    conditions = np.array(["300 K"] * 5 + ["900 K"])
    return data_of(archive(6) | {"role": ROLES, "condition": conditions} | changes)


@pytest.fixture(scope="module")
def study():
    return prepare_study(made(), TINY)


@pytest.fixture(scope="module")
def models(study):
    return list(compare_density(study))


# ------------------------------------------------------------------------------- splits


def test_stated_split_is_taken() -> None:
    split = split_snapshots(made())
    assert [s.tolist() for s in (split.train, split.test, split.unseen)] == [[0, 1, 2, 3], [4], [5]]


def test_open_snapshots_are_split_whole_and_by_seed() -> None:
    data = made(role=np.full(6, ""))
    splits = {tuple(split_snapshots(data, 0.3, seed).test.tolist()) for seed in range(8)}
    assert len(splits) > 1
    for seed in range(8):
        split = split_snapshots(data, 0.3, seed)
        assert len(split.test) == 2
        assert_array_equal(np.sort(np.concatenate([split.train, split.test])), np.arange(6))
    with pytest.raises(InputError, match="1 snapshot"):
        split_snapshots(data_of(archive(1)))


def test_no_point_is_learned_from_and_tested_on(study) -> None:
    assert set(study.pool.snapshots) == {0, 1, 2, 3}
    assert set(study.test.snapshots) == {4}
    assert set(study.unseen.snapshots) == {5}
    assert_allclose(study.pool.features.mean(axis=0), 0, atol=1e-4)
    assert_allclose(study.pool.features.std(axis=0), 1, atol=1e-3)


def test_large_data_is_sampled_and_electrons_still_add_up() -> None:
    data = made()
    points = describe_set(data, np.arange(4), TINY.points, limit=2000)
    assert len(points) == 2000
    assert_allclose(points.electrons(data).sum(), 8.0, rtol=0.2)
    everything = describe_set(data, np.arange(4), TINY.points, limit=10**6)
    assert_allclose(everything.electrons(data).sum(), data.integrals[:4].sum(), rtol=1e-5)


# ------------------------------------------------------------------------------- known densities


def test_spherical_atoms_are_recovered_exactly() -> None:
    """A density that is a sum of the baseline's own functions leaves no error."""
    data = made()
    weights = np.random.default_rng(0).uniform(0, 0.1, 2 * SHELLS.channels)
    rho = [superposition_features(data, s, data.points_of(s), SHELLS) @ weights for s in range(6)]
    exact = data_of(archive(6) | {"role": ROLES, "rho": np.reshape(rho, (6, 10, 10, 12))})
    split = split_snapshots(exact)
    test = describe_set(exact, split.test, TINY.points, limit=10**6)
    assert fit_superposition(exact, split, test).density_error_pct < 1e-2


def test_points_far_from_all_atoms_leave_nothing_to_fit() -> None:
    arrays = {
        "rho": np.full((4, 2, 2, 2), 1e-8),
        "pos": np.full((4, 2, 3), 50.0),
        "cell": np.broadcast_to(200.0 * np.eye(3), (4, 3, 3)),
        "Z": np.full((4, 2), 3),
    }
    data = data_of(arrays)
    study = prepare_study(data, spec_for(data, methods=("random",), kept=(0.5,), seeds=1))
    assert not study.baseline.weights.any()


def test_network_recovers_a_synthetic_density() -> None:
    spec = replace(
        TINY, methods=(), seeds=1, points=PointSpec(cutoff=4.5),
        network=NetworkSpec(width=32, steps=1500), target="root",
    )  # fmt: skip
    study = prepare_study(made(), spec)
    (full,) = compare_density(study)
    assert full.density_error_pct < 2.5
    assert study.baseline.density_error_pct < 0.5  # Gaussian atoms are spherical


def test_suggestions_tell_molecules_from_crystals() -> None:
    assert (suggest(read_density("al")).target, suggest(read_density("water")).target) == (
        "density",
        "root",
    )
    options = spec_for(read_density("ethanol")).options["ccs"]
    assert options == {"beta": 0.0, "scale": "log"}


# ------------------------------------------------------------------------------- comparison


def test_one_model_per_method_share_and_seed(study, models) -> None:
    keys = [(m.method, m.kept, m.seed) for m in models]
    expected = [(FULL, 1.0, s) for s in (0, 1)]
    expected += [(m, k, s) for m in ("random", "grand") for k in (0.5, 0.1) for s in (0, 1)]
    assert sorted(keys) == sorted(expected)
    for model in models:
        assert model.n_points == len(model.rows) == round(model.kept * len(study.pool))
        assert np.isnan(model.energy_error_mev_atom)
        assert model.train_seconds > 0


def test_errors_are_those_of_the_definition(study, models) -> None:
    data = study.data
    for model in models[:3]:
        predicted = study.predict(model.network, study.test.features)
        true = data.density_of(4).ravel()
        expected = 100 * np.abs(predicted - true).sum() * data.volume_elements[4] / 2.0
        assert_allclose(model.density_error_pct, expected, rtol=1e-6)
        assert_allclose(dict(model.by_condition)["300 K"], expected, rtol=1e-6)
        assert_allclose(dict(model.by_condition)["900 K"], model.unseen_error_pct)
        rmse = np.sqrt(np.mean((predicted - true) ** 2))
        assert_allclose(model.nrmse, rmse / true.std(), rtol=1e-5)
        electrons = study.pool.density[model.rows].sum() / study.pool.density.sum()
        assert_allclose(model.electrons_kept_pct, 100 * electrons, rtol=1e-3)


def test_results_do_not_depend_on_threads(study, models) -> None:
    single = compare_density(replace(study, spec=replace(TINY, workers=1)))
    again = {(m.method, m.kept, m.seed): m.density_error_pct for m in single}
    for model in models:
        assert model.density_error_pct == again[model.method, model.kept, model.seed]


def test_whole_snapshots_are_kept_whole(study) -> None:
    spec = replace(TINY, unit="snapshots", methods=("random", "ccs", "grand", "farthest_point",
                   "kmeans", "log_density"), kept=(0.5,), seeds=1)  # fmt: skip
    for model in compare_density(replace(study, spec=spec)):
        snapshots, counts = np.unique(study.pool.snapshots[model.rows], return_counts=True)
        assert len(snapshots) == (4 if model.method == FULL else 2)
        assert (counts == 1200).all()
        assert model.n_snapshots == len(snapshots)


def test_fixed_epochs_take_fewer_steps_on_less_data(study) -> None:
    spec = replace(TINY, network=replace(TINY.network, epochs=2), seeds=1, methods=("random",))
    steps = {m.kept: m.steps for m in compare_density(replace(study, spec=spec))}
    assert steps == {1.0: 2 * 75, 0.5: 2 * 38, 0.1: 2 * 8}


@pytest.fixture
def trained(monkeypatch) -> list[int]:
    """Every training but the first has a million steps: many minutes. Lists those that ended."""
    ended, numbers = [], count()
    train = study_module.train

    def noted(*arguments, steps, **options):
        number = next(numbers)
        network = train(*arguments, steps=1_000_000 if number else steps, **options)
        ended.append(number)
        return network

    monkeypatch.setattr(study_module, "train", noted)
    return ended


def test_cancel_stops_at_once(study, trained) -> None:
    spec = replace(TINY, network=NetworkSpec(steps=1_000_000))
    with pytest.raises(Cancelled):
        list(compare_density(replace(study, spec=spec), monitor=Recorder(cancel_at=2)))
    assert trained == []
    with pytest.raises(Cancelled):
        prepare_study(made(), TINY, monitor=Recorder(cancel_at=3))


def test_closing_early_stops_too(study, trained) -> None:
    models = compare_density(replace(study, spec=replace(TINY, seeds=200)))
    first = next(models)
    models.close()
    assert trained == [0]
    assert first.seed == 0


def test_sliders_need_no_new_preparation(study) -> None:
    varied = vary_study(study, options={"ccs": {"beta": 0.3}}, methods=("ccs",), kept=(0.2,))
    assert varied.scores is study.scores
    assert {m.method for m in compare_density(varied)} == {FULL, "ccs"}
    with pytest.raises(ValueError, match="target cannot change"):
        vary_study(study, target="root")
    with pytest.raises(ValueError, match="without scores"):
        vary_study(replace(study, scores=None), methods=("grand",))


def test_target_is_scaled_alike_for_all_models_or_by_what_is_kept(study) -> None:
    target = study.pool.density
    for model in compare_density(study):
        assert_allclose((model.network.centre, model.network.scale), (target.mean(), target.std()))
    for model in compare_density(vary_study(study, scaling="kept", methods=("random",))):
        kept = target[model.rows]
        assert_allclose((model.network.centre, model.network.scale), (kept.mean(), kept.std()))


def test_specs_refuse_what_makes_no_sense() -> None:
    for changes in ({"methods": ("best",)}, {"kept": (0.0,)}, {"kept": (2.0,)}, {"unit": "atoms"},
                    {"target": "log"}, {"scaling": "none"}, {"seeds": 0}):  # fmt: skip
        with pytest.raises(WinnowError):
            StudySpec(**changes)


# ------------------------------------------------------------------------------- results


def test_results_survive_a_file(study, models, tmp_path) -> None:
    results = collect(study, models)
    assert len(results.table) == 10
    path = tmp_path / "results.json.gz"
    save_results([results], path)
    (again,) = load_results(path)
    assert_allclose(again.table["density_error_pct"], results.table["density_error_pct"], rtol=1e-5)
    assert again.table["energy_error_mev_atom"].isna().all()
    assert [c.verdict for c in check_claims(again)] == [c.verdict for c in check_claims(results)]
    damaged = {
        b"no gzip": "cannot be read",
        gzip.compress(b"[" * 200_000): "cannot be read",
        gzip.compress(b"[1]"): "holds no results",
        gzip.compress(b'{"format": 1, "results": [{"rows": 3}]}'): "are damaged",
    }
    for content, cause in damaged.items():
        path.write_bytes(content)
        with pytest.raises(InputError, match=cause):
            load_results(path)


def test_summary_is_mean_and_spread(study, models) -> None:
    summary = collect(study, models).summary()
    for row in summary.to_dict(orient="records"):
        mine = [m.density_error_pct for m in models
                if (m.method, m.kept) == (row["method"], row["kept"])]  # fmt: skip
        assert_allclose(row["density_error_pct_mean"], np.mean(mine))
        assert_allclose(row["density_error_pct_std"], np.std(mine, ddof=1))


@pytest.mark.parametrize("system", ["al", "sigesn", "water", "ethanol"])
def test_shipped_results_belong_to_the_shipped_data(system) -> None:
    results = precomputed(system)
    assert isinstance(results, DensityResults)
    assert results.facts["fingerprint"] == read_density(system).fingerprint
    assert {FULL, "random", "ccs", "grand"} <= set(results.table["method"])
    assert results.table["density_error_pct"].between(0, 1e5).all()
    assert len(check_claims(results)) == 7
    assert precomputed(system, "snapshots") is not None


# ------------------------------------------------------------------------------- pictures


def test_slice_shows_the_plane_asked_for(study, models) -> None:
    data = study.data
    for axis, position, layer in ((0, 0.3, 3), (1, 0.0, 0), (2, 0.5, 6)):
        cut = density_slice(study, models[0], 1, axis=axis, position=position)
        true = np.take(data.density_of(1), layer, axis=axis)
        assert_allclose(cut.true, true, rtol=1e-6)
        assert_allclose(cut.error, cut.predicted - cut.true)
        # distances in the plane are those in space
        rows = np.take(np.arange(1200).reshape(10, 10, 12), layer, axis=axis)
        points = data.points_of(1, rows.ravel())
        flat = np.stack([cut.x.ravel(), cut.y.ravel()], axis=1)
        assert_allclose(
            np.linalg.norm(flat - flat[0], axis=1), np.linalg.norm(points - points[0], axis=1),
            atol=1e-9,
        )  # fmt: skip
    with pytest.raises(ValueError, match="axis 3"):
        density_slice(study, models[0], 1, axis=3)


def test_slice_marks_the_kept_points(study, models) -> None:
    full = next(m for m in models if m.method == FULL)
    few = next(m for m in models if m.kept == 0.1)
    assert len(density_slice(study, full, 0).kept_x) == 100
    assert len(density_slice(study, full, 4).kept_x) == 0  # a test snapshot
    plane = np.arange(1200).reshape(10, 10, 12)[:, :, 6].ravel()
    mine = study.pool.rows[few.rows[study.pool.snapshots[few.rows] == 0]]
    assert len(density_slice(study, few, 0).kept_x) == np.isin(mine, plane).sum()


def test_histogram_counts_everything_once(study, models) -> None:
    everything = density_histogram(study)
    assert everything.points.sum() == len(study.pool)
    assert_allclose(everything.electrons.sum(), study.data.integrals[:4].sum(), rtol=1e-5)
    few = density_histogram(study, models[-1].rows)
    assert_array_equal(few.edges, everything.edges)
    assert (few.points <= everything.points).all()
    assert few.points.sum() == models[-1].n_points


def test_projection_has_a_row_per_point(study) -> None:
    projection = project_points(study, background=100)
    assert projection.coordinates.shape == (len(study.pool), 2)
    assert len(projection.background) == 100
    assert (np.diff(projection.shares) <= 0).all()


def test_dimension_is_that_of_the_points_not_of_the_descriptor(study) -> None:
    found = dimension_of(study)
    assert 2.0 < found["intrinsic_dimension"] < 8.0 < study.pool.features.shape[1]
    assert found["intrinsic_dimension_error"] > 0
