"""The stage graph: what is computed once, and what is forgotten first."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from makers import Recorder, make_dataset
from numpy.testing import assert_array_equal

import analytics.pipeline as stages
from analytics.data import Dataset
from analytics.descriptors import DistanceSpec
from analytics.information import KernelSpec
from analytics.pipeline import Pipeline
from analytics.runtime.errors import Cancelled
from analytics.runtime.store import Store


@pytest.fixture
def dataset() -> Dataset:
    return make_dataset([4, 8, 5, 7, 8], isolated=1)


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    return Pipeline(store=Store(tmp_path))


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the stages that really ran."""
    made: list[str] = []

    def counted(name: str):
        original = getattr(stages, name)

        def run(*arguments: object, **options: object) -> object:
            made.append(name)
            return original(*arguments, **options)

        return run

    for name in ("describe", "analyse", "select", "prefix_metrics", "embed_pca", "embed_umap"):
        monkeypatch.setattr(stages, name, counted(name))
    return made


def test_every_stage_runs_once(pipeline: Pipeline, dataset: Dataset, calls: list[str]) -> None:
    for _ in range(2):
        analysis = pipeline.analyse(dataset)
        order = pipeline.select(analysis, "facility_location", keep=[2, 1])
        pipeline.retention(analysis, order)
        pipeline.embed(analysis.descriptors)
    assert calls == ["describe", "analyse", "select", "prefix_metrics", "embed_pca"]
    assert pipeline.analyse(dataset) is analysis
    assert pipeline.describe(dataset) is analysis.descriptors
    assert pipeline.select(analysis, "facility_location", keep=[1, 2]) is order
    assert len(order) == 5


def test_what_differs_is_made_anew(pipeline: Pipeline, dataset: Dataset, calls: list[str]) -> None:
    one = pipeline.analyse(dataset)
    wide = pipeline.analyse(dataset, kernel=KernelSpec(0.1))
    assert wide.descriptors is one.descriptors
    few = pipeline.analyse(dataset, DistanceSpec(k=4))
    assert few.descriptors.values.shape[1] == 7
    orders = [
        pipeline.select(one, "random"),
        pipeline.select(one, "random", seed=1),
        pipeline.select(one, "random", drop=[0]),
        pipeline.select(wide, "random"),
        pipeline.select(one, "msc"),
    ]
    assert len({id(order) for order in orders}) == 5
    assert calls.count("describe") == 2
    assert calls.count("analyse") == 3


def test_equal_data_under_another_name(pipeline: Pipeline, dataset: Dataset) -> None:
    one = pipeline.analyse(dataset)
    renamed = dataclasses.replace(dataset, name="copy.xyz")
    two = pipeline.analyse(renamed)
    assert two.kernel is one.kernel
    assert (one.summary()["name"], two.summary()["name"]) == ("made.xyz", "copy.xyz")


def test_the_least_recently_used_goes_first(
    tmp_path: Path, dataset: Dataset, calls: list[str]
) -> None:
    pipeline = Pipeline(capacity=3, store=Store(tmp_path))
    analysis = pipeline.analyse(dataset)  # two results: descriptors and analysis
    pipeline.select(analysis, "random")
    pipeline.describe(dataset)
    pipeline.select(analysis, "random", seed=1)  # the analysis is forgotten, the oldest of all
    calls.clear()
    pipeline.describe(dataset)
    pipeline.select(analysis, "random")
    assert calls == []
    pipeline.analyse(dataset)
    assert calls == ["analyse"]


def test_a_cancelled_stage_leaves_nothing_behind(
    pipeline: Pipeline, dataset: Dataset, calls: list[str]
) -> None:
    analysis = pipeline.analyse(dataset)
    with pytest.raises(Cancelled):
        pipeline.select(analysis, "msc", monitor=Recorder(cancel_at=2))
    assert len(pipeline.select(analysis, "msc")) == 5
    assert calls.count("select") == 2


def test_progress_covers_description_and_analysis(pipeline: Pipeline, dataset: Dataset) -> None:
    told = Recorder()
    pipeline.analyse(dataset, monitor=told)
    assert told.fractions == sorted(told.fractions)
    assert told.fractions[-1] == 1.0


def test_retention_runs_over_the_grid(pipeline: Pipeline, dataset: Dataset) -> None:
    analysis = pipeline.analyse(dataset)
    found = pipeline.retention(analysis, pipeline.select(analysis, "random"))
    assert found.sizes.tolist() == [1, 2, 3, 4, 5]
    assert found.overlap[-1] == 1
    none = pipeline.select(analysis, "random", drop=range(6))
    assert len(pipeline.retention(analysis, none).sizes) == 0


def test_umap_is_kept_on_disk(tmp_path: Path, dataset: Dataset, calls: list[str]) -> None:
    one = Pipeline(store=Store(tmp_path))
    first = one.embed(one.describe(dataset), "UMAP")
    two = Pipeline(store=Store(tmp_path))
    again = two.embed(two.describe(dataset), "UMAP")
    assert_array_equal(first.xy, again.xy)
    assert (first.method, first.trustworthiness) == (again.method, again.trustworthiness)
    assert calls.count("embed_umap") == 1
    for entry in tmp_path.iterdir():
        entry.write_bytes(b"damaged")
    three = Pipeline(store=Store(tmp_path))
    assert_array_equal(three.embed(three.describe(dataset), "UMAP").xy, first.xy)
    assert calls.count("embed_umap") == 2


def test_an_unknown_map(pipeline: Pipeline, dataset: Dataset) -> None:
    with pytest.raises(ValueError, match="map is 't-SNE', not PCA or UMAP"):
        pipeline.embed(pipeline.describe(dataset), "t-SNE")


def test_knows(pipeline: Pipeline, dataset: Dataset) -> None:
    assert not pipeline.knows("nothing")
    pipeline.describe(dataset)
    assert all(pipeline.knows(key) for key in pipeline._results)
    assert np.size(list(pipeline._results)) == 1
