"""Specs that describe themselves and tables of methods."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib.metadata import EntryPoint

import pytest

from analytics.data.checks.registry import CHECKS
from analytics.descriptors.base import DESCRIPTORS
from analytics.runtime import registry
from analytics.runtime.errors import WinnowError
from analytics.runtime.registry import Registry, check_options, option, options_of, spec_from
from analytics.selection.base import METHODS
from analytics.selection.scores import SCORES


@dataclass(frozen=True, slots=True)
class Spec:
    width: float = option(2.0, unit="h", low=0.5, high=2.5, help="Width.")
    count: int = option(3, low=0, help="Number.")
    kind: str = option("a", choices=("a", "b"), help="Kind.")
    shift: float = option(0.0, low=-1.0, high=0.0, help="Never above zero.")
    hidden: float = 1.0

    def __post_init__(self) -> None:
        check_options(self)


def test_options_carry_what_a_form_needs() -> None:
    width, count, kind, shift = options_of(Spec)
    assert (width.name, width.default, width.unit, width.low, width.high) == (
        "width",
        2.0,
        "h",
        0.5,
        2.5,
    )
    assert count.high is None
    assert kind.choices == ("a", "b")
    assert options_of(Spec()) == (width, count, kind, shift)


@pytest.mark.parametrize("value", [0.5, 2.5, 1])
def test_bounds_belong_to_the_range(value: float) -> None:
    assert Spec(width=value).width == value


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"width": 0.49}, r"width is 0\.49, outside 0\.5\.\.2\.5 h"),
        ({"width": 3}, "width is 3, outside"),
        ({"width": float("nan")}, "width is nan, outside"),
        ({"width": "wide"}, "width is 'wide', not a number"),
        ({"count": -1}, r"count is -1, outside 0\.\.$"),
        ({"count": 2.5}, r"count is 2\.5, not a whole number"),
        ({"kind": "c"}, "kind is 'c', not one of a, b"),
        ({"shift": 0.1}, r"shift is 0\.1, outside -1\.\.0"),
    ],
)
def test_values_out_of_bounds_are_named(values: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        spec_from(Spec, values)


def test_spec_from_ignores_none_and_refuses_unknown_names() -> None:
    assert spec_from(Spec, {"width": None, "count": 5}) == Spec(count=5)
    with pytest.raises(ValueError, match="Spec has no option colour, size"):
        spec_from(Spec, {"size": 1, "colour": 2, "width": 1.0})


def test_a_registry_keeps_order_and_names() -> None:
    table: Registry[int] = Registry("method")
    table.register("b")(1)
    table.register("a")(2)
    assert list(table) == ["b", "a"]
    assert table["a"] == 2
    assert "b" in table
    assert "c" not in table
    with pytest.raises(ValueError, match="method 'a' is registered twice"):
        table.register("a")(3)
    with pytest.raises(WinnowError, match="unknown method 'c'; known are b, a"):
        table["c"]


def test_declared_methods_are_imported_when_asked_for_and_keep_their_place(
    monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    table: Registry[int] = Registry("method", {"winnow_b": ("b",), "winnow_a": ("a", "missing")})
    monkeypatch.setattr(registry, "_table_of_the_test", table, raising=False)
    for name in "ab":
        (tmp_path / f"winnow_{name}.py").write_text(
            "from analytics.runtime import registry\n"
            f"registry._table_of_the_test.register({name!r})({name!r})\n"
        )
        monkeypatch.delitem(sys.modules, f"winnow_{name}", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    table.register("c")("c")
    assert list(table) == ["b", "a", "missing", "c"]
    assert "a" in table
    assert not {"winnow_a", "winnow_b"} & set(sys.modules)
    assert table["a"] == "a"
    assert "winnow_b" not in sys.modules
    with pytest.raises(ValueError, match="method 'b' is registered twice"):  # the built-in is first
        table.register("b")("mine")
    assert table["b"] == "b"
    with pytest.raises(ValueError, match="method 'c' is registered twice"):
        table.declare("elsewhere", "c")
    with pytest.raises(WinnowError, match="unknown method 'missing'"):  # its module forgot it
        table["missing"]
    for name in "ab":
        monkeypatch.delitem(sys.modules, f"winnow_{name}")


def test_every_built_in_module_registers_what_is_declared_of_it() -> None:
    for table in (METHODS, SCORES, DESCRIPTORS, CHECKS):
        assert list(table) == [name for name in table if table[name]]
        assert set(table._items) == set(table)  # and nothing else


def test_plugins_join_by_entry_point(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    table: Registry[int] = Registry("method")
    monkeypatch.setattr(registry, "_table_of_the_test", table, raising=False)
    (tmp_path / "winnow_plugin.py").write_text(
        "from analytics.runtime import registry\nregistry._table_of_the_test.register('mine')(7)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    point = EntryPoint("mine", "winnow_plugin", "winnow.plugins")
    monkeypatch.setattr(registry, "entry_points", lambda group: [point])
    assert "mine" in table
    assert table["mine"] == 7
    monkeypatch.delitem(sys.modules, "winnow_plugin")


def test_a_broken_plugin_is_left_out_with_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    table: Registry[int] = Registry("method")
    table.register("own")(1)
    point = EntryPoint("bad", "no_such_module_of_mine", "winnow.plugins")
    monkeypatch.setattr(registry, "entry_points", lambda group: [point])
    with pytest.warns(UserWarning, match=r"plug-in bad \(no_such_module_of_mine\) cannot be used"):
        assert table["own"] == 1
    assert list(table) == ["own"]  # said once
