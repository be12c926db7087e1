"""Maps of the environments against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from makers import Recorder, make_analysis
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness

from analytics.descriptors.base import Descriptors
from analytics.evaluation import embedding
from analytics.evaluation.embedding import display_sample, embed_pca, embed_umap
from analytics.runtime.errors import Cancelled


def described(values: np.ndarray | None = None, **options: object) -> Descriptors:
    return make_analysis(values, **options).descriptors  # type: ignore[arg-type]


def test_pca_is_that_of_scikit_learn_up_to_the_sign() -> None:
    x = described(seed=2, dimensions=6)
    found = embed_pca(x)
    model = PCA(2).fit(x.values)
    expected = model.transform(x.values)
    for axis in range(2):
        sign = np.sign(expected[:, axis] @ found.xy[:, axis])
        assert_allclose(found.xy[:, axis], sign * expected[:, axis], atol=1e-9)
    assert_allclose(found.explained, model.explained_variance_ratio_)
    assert_allclose(
        found.trustworthiness,
        trustworthiness(x.values, found.xy, n_neighbors=15),
        atol=1e-12,
    )
    assert_array_equal(found.laid_out, np.arange(x.n_environments))
    assert not found.xy.flags.writeable


def test_the_sign_does_not_depend_on_the_order_of_rows() -> None:
    x = described(seed=2)
    backwards = described(x.values[::-1], sizes=[x.n_environments])
    assert_allclose(embed_pca(x).xy, embed_pca(backwards).xy[::-1], atol=1e-9)


def test_a_map_is_the_same_again() -> None:
    one, two = (embed_pca(described(seed=2), seed=1) for _ in range(2))
    assert_array_equal(one.xy, two.xy)
    assert one.fingerprint == two.fingerprint
    assert one.fingerprint != embed_pca(described(seed=3)).fingerprint


@pytest.mark.parametrize("n", [1, 2, 30])
def test_equal_environments_fall_on_one_point(n: int) -> None:
    found = embed_pca(described(np.ones((n, 4))))
    assert found.xy.tolist() == [[0, 0]] * n
    assert np.isnan(found.trustworthiness)


def test_two_environments_and_a_descriptor_of_one_number() -> None:
    assert np.isfinite(embed_pca(described(np.eye(2, 3))).xy).all()
    line = np.arange(40.0)[:, None]
    found = embed_pca(described(line))
    assert_allclose(found.xy[:, 0], line[:, 0] - 19.5)
    assert np.all(found.xy[:, 1] == 0)
    assert found.trustworthiness > 0.99  # ties among the neighbours of a grid


def test_trust_is_measured_on_a_sample_when_there_are_many() -> None:
    rng = np.random.default_rng(0)
    x = described(rng.normal(size=(2600, 2)))
    assert embed_pca(x).trustworthiness > 0.99


class TestDisplaySample:
    def test_all_where_they_fit(self) -> None:
        x = described()
        assert_array_equal(display_sample(x), np.arange(x.n_environments))

    @pytest.mark.parametrize("limit", [10, 25, 26, 60])
    def test_every_structure_is_shown_where_the_limit_allows(self, limit: int) -> None:
        x = described(sizes=[1, 30, 2, 40, 7] * 5)
        rows = display_sample(x, limit)
        assert len(rows) == limit
        assert np.all(np.diff(rows) > 0)
        shown = np.unique(x.owners[rows])
        assert len(shown) == min(limit, 25)
        assert_array_equal(rows, display_sample(x, limit))
        assert not np.array_equal(rows, display_sample(x, limit, seed=1))


def test_umap() -> None:
    rng = np.random.default_rng(0)
    x = described(np.concatenate([rng.normal(size=(30, 5)), rng.normal(size=(30, 5)) + 20]))
    told, rows = Recorder(), np.arange(60)
    one = embed_umap(x, rows, seed=3, monitor=told)
    assert one.method == "UMAP"
    assert one.xy.shape == (60, 2)
    assert told.checkpoints >= 1
    # where groups come to lie differs between processors: what holds is that neighbours are kept
    assert 0.7 < one.trustworthiness <= 1  # 0.5 is chance
    centres = np.repeat([one.xy[:30].mean(axis=0), one.xy[30:].mean(axis=0)], 30, axis=0)
    apart = np.linalg.norm(one.xy - centres, axis=1) < np.linalg.norm(
        one.xy - centres[::-1], axis=1
    )
    assert apart.mean() > 0.6  # 0.5 is chance
    assert not one.placed
    assert_array_equal(one.xy, embed_umap(x, rows, seed=3).xy)


def test_what_umap_did_not_lay_out_is_placed_among_the_most_similar(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(0)
    groups = [rng.normal(size=(60, 5)), rng.normal(size=(60, 5)) + 20]
    x = np.concatenate([*groups, [groups[0][0]]])  # the last is equal to the first, laid out
    rows, laid_out = np.arange(0, 120, 2), rng.normal(size=(60, 2))
    monkeypatch.setattr(embedding, "lay_out", lambda x, **options: laid_out)
    found = embed_umap(described(x), rows)
    assert_array_equal(found.laid_out, rows)
    assert_array_equal(found.xy[rows], laid_out)
    assert found.placed
    assert_allclose(found.xy[120], found.xy[0], atol=1e-3)
    for row in range(1, 120, 2):
        near = rows[np.argsort(np.linalg.norm(x[rows] - x[row], axis=1))[:3]]
        low, high = found.xy[near].min(axis=0), found.xy[near].max(axis=0)
        assert np.all((found.xy[row] >= low - 1e-9) & (found.xy[row] <= high + 1e-9))


def test_umap_refuses_what_it_cannot_lay_out_and_can_be_cancelled() -> None:
    x = described(np.random.default_rng(0).normal(size=(20, 3)))
    with pytest.raises(ValueError, match="at least 16 environments, not 15"):
        embed_umap(x, np.arange(15))
    with pytest.raises(Cancelled):
        embed_umap(x, np.arange(20), monitor=Recorder(cancel_at=1))
