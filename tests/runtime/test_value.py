"""Every value that crosses a wall: equal by fingerprint, hashed, shown on a line and as HTML."""

import dataclasses
import importlib
import pkgutil
import re
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest

import analytics
import winnow_atomistic as winnow
from analytics.curation.force_cut import force_cut
from analytics.evaluation.embedding import embed_pca
from analytics.evaluation.prefixes import prefix_metrics
from analytics.recipe import Recipe, make_recipe
from analytics.replay import replay
from analytics.runtime.assets import asset
from analytics.runtime.errors import WinnowError
from analytics.runtime.value import Table, Value, content_fingerprint
from analytics.selection.certificates.curve import certificate_curve, fewest_structures
from analytics.selection.certificates.dual_bound import tighten

#: Dataclasses with arrays that stay within their room, besides those of rooms that hold tools:
#: nobody compares or shows them.
WITHIN = {
    "Axes", "Blocks", "Boxes", "Candidates", "Checked", "Contacts", "CoverageRows", "Described",
    "Entry", "Environments", "Expanded", "Exported", "Family", "Frame", "Frames", "Geometries",
    "Ground", "Invariants", "Label", "LabelledStructure", "Line", "Numbers", "Objective",
    "Places", "Points", "Picks", "Pool", "PrincipalAxes", "Projected", "RowMaker", "Sample",
    "Source", "SparseSums", "Standing", "Steps", "Superposition", "Surroundings",
}  # fmt: skip
HOLDS_ARRAYS = re.compile(r"^(tuple\[)?(FloatArray|IntArray|npt\.NDArray|pd\.|sparse\.)")


def values_of(size: int = 60) -> list[object]:
    """Make one of each of the values that a notebook meets."""
    data = winnow.read(f"{asset('carbon.xyz.gz')}@0:{size}")
    described = winnow.describe(data)
    found = winnow.analyse(data, described)
    kept = winnow.select(found, "facility_location", size=12)
    recipe = make_recipe(found, kept)
    return [
        data, described, found, found.outliers, found.kernel, kept, recipe,
        winnow.select(found, "random", size=5, seed=3),
        winnow.compare(found, ["random", "msc"], [0.1, 0.2]),
        prefix_metrics(found, kept.positions, [3, 6, 12]),
        embed_pca(described),
        *winnow.redundancy(found)[:2],
        winnow.learning_curve(found, orders=2),
        winnow.duplicates(data, described),
        winnow.conflicts(data, described),
        winnow.check(data),
        winnow.bandwidth_scan(data, described),
        winnow.intrinsic_dimension(described.values),
        winnow.leakage((data, described), (data, described)),
        winnow.novelty(described, described),
        force_cut(data, 5.0),
        certificate_curve(found, kept),
        tighten(found, kept, 6),
        *fewest_structures(found, kept)[:1],
        replay(recipe, data),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def values() -> list[object]:
    return values_of()


def dataclasses_of_the_method() -> set[type]:
    found = set()
    for module in pkgutil.walk_packages(analytics.__path__, "analytics."):
        if not module.name.endswith("__main__"):
            for item in vars(importlib.import_module(module.name)).values():
                if isinstance(item, type) and dataclasses.is_dataclass(item):
                    found.add(item)
    inside = ("analytics.geometry.", "analytics.linalg.", "analytics.runtime.")
    found = {kind for kind in found if kind.__module__.startswith("analytics.")}
    return {kind for kind in found if not kind.__module__.startswith(inside)}


def test_every_dataclass_that_holds_arrays_is_a_value() -> None:
    for kind in dataclasses_of_the_method():
        holds = any(HOLDS_ARRAYS.match(str(f.type)) for f in dataclasses.fields(kind))
        if holds and not kind.__name__.startswith("_") and kind.__name__ not in WITHIN:
            assert issubclass(kind, Value), f"{kind}: derive it from Value, or name it in WITHIN"


def test_two_made_alike_are_equal_and_hash_alike(values) -> None:
    others = values_of()
    for one, other in zip(values, others, strict=True):
        assert one == other
        assert one is not other
        assert hash(one) == hash(other)
        assert one in others
        assert len({one, other}) == 1
        assert one != "text"
    assert len(set(values)) == len(values)


def test_what_differs_is_unequal(values) -> None:
    fewer = values_of(55)
    for one, other in zip(values, fewer, strict=True):
        if type(one).__name__ not in ("Fewest",):
            assert one != other, one


def test_the_repr_fits_on_a_line_and_names_the_value(values) -> None:
    for value in values:
        text = repr(value)
        assert len(text) <= 100, text
        assert "\n" not in text
        assert text.startswith(type(value).__name__)
        assert re.search(r"[0-9a-f]{8}\)$", text), text
    data, _, _, _, _, kept = values[:6]
    assert repr(data).startswith(
        "Dataset(carbon.xyz.gz, 60 structures, 1189 environments, C, energies and forces, "
    )
    assert repr(kept).startswith("Selection(facility_location, 12 structures, ")


def test_html_is_escaped_and_tables_are_shown(values) -> None:
    for value in values:
        html = value._repr_html_()
        assert html.startswith(f"<div><b>{type(value).__name__}</b>")
        if isinstance(value, Table):
            frame = value.to_frame()
            assert isinstance(frame, pd.DataFrame)
            assert len(frame.columns) > 1, value
            assert "<table" in html
    data = replace(values[0], name="<script>alert(1)</script>")
    assert "<script>" not in data._repr_html_()
    odd = replace(values[0], config_type=np.full(values[0].n_structures, "<b>x</b>"))
    assert "<b>x" not in odd._repr_html_()


def test_fields_of_any_kind_are_digested() -> None:
    @dataclass(frozen=True, slots=True)
    class Odd(Value):
        words: tuple[str, ...] = ("a", "bc")
        table: object = None
        numbers: object = None

    assert Odd() == Odd()
    assert Odd(("ab", "c")) != Odd()
    frame = pd.DataFrame({"x": [1.0, np.nan], "y": ["a", "b"]})
    assert Odd(table=frame) == Odd(table=frame.copy())
    assert Odd(table=frame) != Odd(table=frame.rename(columns={"x": "z"}))
    nan = np.array([np.nan])
    assert Odd(numbers={"a": [nan]}) == Odd(numbers={"a": [nan.copy()]})
    assert Odd(numbers={"a": [nan]}) != Odd(numbers={"b": [nan]})
    assert content_fingerprint(Odd(numbers=np.float64(2))) == content_fingerprint(Odd(numbers=2.0))
    assert repr(Odd(words=tuple("x" * 40))).startswith("Odd(words=[40], ")


def test_a_selection_gives_indices_and_files(values, tmp_path) -> None:
    data, _, found, _, _, kept = values[:6]
    assert kept.indices is kept.structures
    assert list(kept.to_frame()["structure"]) == list(kept.indices)
    kept.save(tmp_path / "kept.json", found)
    assert Recipe.load(tmp_path / "kept.json").picked == tuple(data.frame_indices[kept.indices])
    for name in ("kept.xyz", "kept.extxyz.gz"):
        kept.save(tmp_path / name, found)
        again = winnow.read(tmp_path / name)
        assert again.n_structures == len(kept) + int(data.isolated.sum())
    with pytest.raises(WinnowError, match=r"unknown ending of a file '.csv'; known are .json"):
        kept.save(tmp_path / "kept.csv", found)
    with pytest.raises(ValueError, match="made from another analysis"):
        kept.save(tmp_path / "kept.xyz", values_of(55)[2])
