"""Values taken apart for the store and put together again."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import pytest
from makers import make_analysis
from numpy.testing import assert_array_equal
from scipy import sparse

from analytics.runtime.packing import pack, unpack
from analytics.selection.base import select


@dataclass(frozen=True, slots=True)
class Inner:
    values: Any
    number: int = 1


@dataclass(frozen=True)
class Outer:
    inner: Any
    known: Any = None


def there_and_back(value: Any, **known: Any) -> Any:
    tree, arrays = pack(value, known)
    return unpack(json.loads(json.dumps(tree)), arrays, known)


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        3,
        0.1,
        "text",
        (),
        (1, (2.5, "x")),
        [1, []],
        {"a": 1, "b": (None,)},
        {6: 1.5, 8: ()},
        {},
    ],
)
def test_plain_values_keep_their_type(value: Any) -> None:
    found = there_and_back(value)
    assert found == value
    assert type(found) is type(value)


def test_numbers_that_json_has_no_word_for() -> None:
    found = there_and_back((float("inf"), float("nan")))
    assert found[0] == float("inf")
    assert found[1] != found[1]


def test_arrays_and_scalars_of_numpy() -> None:
    value = (np.arange(6).reshape(2, 3), np.float32(0.1), np.array(["a", "bc"]), np.bool_(True))
    found = there_and_back(value)
    for one, two in zip(value, found, strict=True):
        assert_array_equal(one, two)
        assert (type(one), one.dtype) == (type(two), two.dtype)


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csr_array])
def test_sparse_matrices(kind: type) -> None:
    matrix = kind(np.diag([1.0, 0.0, 2.0]).astype(np.float32))
    matrix.indptr = matrix.indptr.astype(np.int64)
    found = there_and_back(matrix)
    assert type(found) is kind
    assert (found.indptr.dtype, found.dtype) == (np.int64, np.float32)
    assert_array_equal(found.toarray(), matrix.toarray())


def test_nested_dataclasses_and_known_objects() -> None:
    shared = Inner(np.ones(2))
    value = Outer((Inner(np.arange(3), 7), shared), known=shared)
    tree, arrays = pack(value, {"shared": shared})
    assert len(arrays) == 1
    found = unpack(tree, arrays, {"shared": shared})
    assert found.known is shared
    assert found.inner[1] is shared
    assert found.inner[0].number == 7
    with pytest.raises(KeyError):
        unpack(tree, arrays)


def test_an_array_in_two_places_is_kept_once() -> None:
    values = np.arange(4.0)
    _, arrays = pack((Inner(values), values, values[:2], values.reshape(2, 2)))
    assert len(arrays) == 3


@dataclass
class Holder:
    value: Any


@pytest.mark.parametrize(
    "value",
    [
        object(),
        {(1,): 2},
        {1, 2},
        lambda: 0,
        np.array([object()]),
        sparse.coo_matrix(np.eye(2)),
        Holder(object()),
        Holder,
        b"bytes",
    ],
)
def test_anything_else_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match=r"cannot be kept|no dataclass"):
        pack(value)


def test_a_class_that_cannot_be_found_again_is_refused() -> None:
    @dataclass
    class Local:
        x: int = 1

    with pytest.raises(TypeError, match="cannot be found again"):
        pack(Local())


def test_a_tree_that_does_not_fit_the_code_is_refused() -> None:
    tree, arrays = pack(Inner(1))
    tree["fields"]["older"] = 1
    with pytest.raises(TypeError, match="Inner has other fields now"):
        unpack(tree, arrays)
    for name in ("os:system", "os:path", "no_such_module:X", "pathlib:Path"):
        with pytest.raises((TypeError, KeyError, AttributeError)):
            unpack({"class": name, "fields": {}}, {})


def test_an_analysis_and_its_orders_survive() -> None:
    analysis = make_analysis(seed=3, isolated=1)
    known = {"dataset": analysis.dataset, "descriptors": analysis.descriptors}
    found = there_and_back(analysis, **known)
    assert found.dataset is analysis.dataset
    assert found.summary() == analysis.summary()
    assert_array_equal(found.kernel_sums, analysis.kernel_sums)
    assert_array_equal(found.outliers.environment, analysis.outliers.environment)
    for method in ("facility_location", "msc", "random"):
        one, two = select(analysis, method, seed=4), select(found, method, seed=4)
        assert_array_equal(one.structures, two.structures)
        kept = there_and_back(one)
        assert kept.fingerprint == one.fingerprint
        for field in dataclasses.fields(one):
            assert_array_equal(getattr(kept, field.name), getattr(one, field.name))


@dataclass(frozen=True)
class Working:
    values: Any
    worked_out: ClassVar[tuple[str, ...]] = ("total",)

    @cached_property
    def total(self) -> Any:
        return np.asarray(self.values).sum()


def test_what_was_worked_out_is_kept() -> None:
    found = there_and_back(Working((1.5, 2.0)))
    assert vars(found)["total"] == found.total == 3.5


# ---- many values alike --------------------------------------------------------------------------


def assert_same(one: Any, two: Any) -> None:
    assert type(one) is type(two)
    if isinstance(one, np.ndarray):
        assert (one.dtype, one.flags.writeable) == (two.dtype, two.flags.writeable)
        assert_array_equal(one, two)
    elif dataclasses.is_dataclass(one):
        for field in dataclasses.fields(one):
            assert_same(getattr(one, field.name), getattr(two, field.name))
    elif isinstance(one, dict):
        assert list(one) == list(two)  # the order is that of the file
        assert_same(list(one.values()), list(two.values()))
    elif isinstance(one, tuple | list):
        assert len(one) == len(two)
        for a, b in zip(one, two, strict=True):
            assert_same(a, b)
    else:
        assert one == two or one != one


MANY = {
    "numbers": [0.1 * i for i in range(40)],
    "not finite": [float("nan"), float("inf"), -0.0] * 20,
    "whole numbers": [2**62 - i for i in range(40)],
    "large numbers": [2**70 + i for i in range(40)],
    "truth": [i % 3 == 0 for i in range(40)],
    "number and truth": [i if i % 2 else True for i in range(40)],
    "text": ["", "\udc80 not valid", "NUL\0", "zwölf \U0001f600"] * 10,
    "nothing": [None] * 40,
    "scalars": [np.float32(i) for i in range(40)],
    "tuples": [(("pos", "R", 3), ("f", "R", 1 if i % 2 else 1.0)) for i in range(40)],
    "different tuples": [(i, i) for i in range(40)],
    "arrays": [np.arange(i, dtype=np.int32) for i in range(40)],
    "read-only arrays": [np.broadcast_to(np.ones((1, 3)), (i, 3)) for i in range(1, 40)],
    "scalars as arrays": [np.array(float(i)) for i in range(40)],
    "different arrays": [np.zeros(2, float if i % 2 else int) for i in range(40)],
    "text arrays": [np.array(["a" * i]) for i in range(1, 40)],
    "mappings": [{"a": i, **({"b": f"{i}"} if i % 3 else {})} for i in range(100)],
    "empty mappings": [{} for _ in range(40)],
    "keys of numbers": [{1: i} for i in range(40)],
    "many kinds of mappings": [{f"k{i}": i} for i in range(40)],
    "values": [Inner((i, {"x": np.ones(i)}), i) for i in range(40)],
    "few values": [Inner(i) for i in range(3)],
    "mixed": [1, "a", 2.0, None] * 10,
}


@pytest.mark.parametrize("name", MANY)
def test_many_values_alike_keep_type_and_order(name: str) -> None:
    for value in (MANY[name], tuple(MANY[name])):
        assert_same(there_and_back({"in": value})["in"], value)


def test_known_values_are_names_among_many() -> None:
    outer = [Outer(i) for i in range(40)]
    assert there_and_back(outer, seventh=outer[7])[7] is outer[7]


def test_records_of_a_large_file_are_a_few_arrays() -> None:
    records = tuple(
        Inner({"energy": 0.1 * i, "name": f"s{i}"}, {"f": np.zeros((i % 7, 3))}) for i in range(999)
    )
    tree, arrays = pack(records)
    assert len(json.dumps(tree)) < 1000
    assert len(arrays) < 12
    assert_same(there_and_back(records), records)
