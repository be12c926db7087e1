"""Registries of methods by name (lazy imports, plug-ins), and specs that describe themselves.

A spec is a frozen dataclass whose fields carry unit, bounds and help as metadata. Widgets and
command-line options are made from it, so that a new method is one file and one `@register`.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, Generic, TypeVar, cast

from analytics.runtime.errors import WinnowError

__all__ = [
    "NoOptions",
    "Option",
    "Options",
    "Registry",
    "check_options",
    "option",
    "options_of",
    "spec_from",
]

T = TypeVar("T")


def option(
    default: float | int | str,
    *,
    help: str,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    words: tuple[str, ...] = (),
    file: bool = False,
) -> Any:
    """Declare a field of a spec: its default, one sentence of help, unit and bounds.

    A number may also be said in `words`, which whoever uses the spec turns into one. A `file` is
    the path of one that is run when it is read: the page takes none from visitors.
    """
    meta = {"help": help, "unit": unit, "low": low, "high": high, "choices": choices}
    meta |= {"words": words, "file": file}
    return dataclasses.field(default=default, metadata=meta)


@dataclass(frozen=True, slots=True)
class Option:
    """One field of a spec, as a form or a command line needs to know it."""

    name: str
    default: float | int | str
    help: str
    unit: str
    low: float | None
    high: float | None
    choices: tuple[str, ...]
    words: tuple[str, ...]
    file: bool = False

    @property
    def kind(self) -> type:
        """What a value is: int, float or str; words stand for a float."""
        return float if self.words else type(self.default)

    def read(self, text: str) -> float | int | str:
        """Return the value written as text.

        Raises
        ------
        ValueError
            If it is no value of this option.
        """
        text = text.strip()
        if text in self.words:
            return text
        try:
            value: float | int | str = self.kind(text)
        except ValueError:
            wanted = "a whole number" if self.kind is int else "a number"
            also = "".join(f" or {word}" for word in self.words)
            raise ValueError(f"{self.name} is {text!r}, not {wanted}{also}") from None
        self.check(value)
        return value

    def check(self, value: float | int | str) -> None:
        """Raise `ValueError` naming the value received if it is out of bounds."""
        if self.choices and value not in self.choices:
            raise ValueError(f"{self.name} is {value!r}, not one of {', '.join(self.choices)}")
        if self.kind is str or value in self.words:
            return
        if isinstance(value, str):
            raise ValueError(f"{self.name} is {value!r}, not a number")
        if self.kind is int and value % 1 != 0:
            raise ValueError(f"{self.name} is {value}, not a whole number")
        below = self.low is not None and not value >= self.low
        if below or (self.high is not None and not value <= self.high):
            low, high = ("" if end is None else f"{end:g}" for end in (self.low, self.high))
            raise ValueError(f"{self.name} is {value}, outside {low}..{high} {self.unit}".rstrip())


def options_of(spec: Any) -> tuple[Option, ...]:
    """Return the options of a spec class or instance, in the order of its fields."""
    return tuple(
        Option(name=f.name, default=cast(float | int | str, f.default), **f.metadata)
        for f in dataclasses.fields(spec)
        if "help" in f.metadata
    )


def spec_from(kind: type[T], values: Mapping[str, Any]) -> T:
    """Build a spec from plain values, ignoring those that are None, and check its bounds."""
    known = {f.name for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(values) - known)
    if unknown:
        raise ValueError(f"{kind.__name__} has no option {', '.join(unknown)}")
    return kind(**{name: value for name, value in values.items() if value is not None})


def check_options(spec: Any) -> None:
    """Check every bounded field of a spec."""
    for item in options_of(spec):
        item.check(getattr(spec, item.name))


class Options:
    """What specs inherit: a value out of its bounds is refused when the spec is made."""

    __slots__ = ()

    def __post_init__(self) -> None:
        """Check the bounds and choices of every field."""
        check_options(self)


@dataclass(frozen=True, slots=True)
class NoOptions(Options):
    """The spec of a method that has nothing to set."""


class Registry(Generic[T]):
    """Methods of one kind by name; the module of each is imported when it is first asked for.

    Third-party methods join through the entry-point group ``winnow.plugins``: each entry point
    names a module whose import registers what it brings, or declares where that is. One that
    fails is left out with a warning.

    Parameters
    ----------
    kind : str
        What is registered, for messages.
    declared : mapping of str to tuple of str
        The built-in names by the module that registers them. They come first, in this order,
        whatever was imported before.
    groups : tuple of str
        The entry-point groups in which the registry looks.
    """

    def __init__(
        self,
        kind: str,
        declared: Mapping[str, tuple[str, ...]] | None = None,
        groups: tuple[str, ...] = ("winnow.plugins",),
    ) -> None:
        self.kind, self._groups = kind, groups
        self._items: dict[str, T] = {}
        self._modules: dict[str, str] = {}
        self._plugins_loaded = False
        for module, names in (declared or {}).items():
            self.declare(module, *names)

    def declare(self, module: str, *names: str) -> None:
        """Say which module registers these names when it is imported."""
        for name in names:
            if name in self._modules or name in self._items:
                raise ValueError(f"{self.kind} {name!r} is registered twice")
            self._modules[name] = module

    def register(self, name: str) -> Callable[[T], T]:
        """Return a decorator that files the decorated method under `name`."""

        def add(item: T) -> T:
            if name in self._modules:  # by nothing else than that module
                import_module(self._modules[name])
            if name in self._items:
                raise ValueError(f"{self.kind} {name!r} is registered twice")
            self._items[name] = item
            return item

        return add

    def __getitem__(self, name: str) -> T:
        self._load_plugins()
        if name not in self._items and name in self._modules:
            import_module(self._modules[name])
        try:
            return self._items[name]
        except KeyError:
            raise WinnowError(
                f"unknown {self.kind} {name!r}; known are {', '.join(self)}"
            ) from None

    def __iter__(self) -> Iterator[str]:
        self._load_plugins()
        return iter(dict.fromkeys([*self._modules, *self._items]))

    def __contains__(self, name: object) -> bool:
        self._load_plugins()
        return name in self._modules or name in self._items

    def _load_plugins(self) -> None:
        if self._plugins_loaded:
            return
        self._plugins_loaded = True
        for point in (p for group in self._groups for p in entry_points(group=group)):
            try:
                point.load()
            except Exception as error:  # somebody else's code: the built-in methods go on
                warnings.warn(
                    f"the plug-in {point.name} ({point.value}) cannot be used: {error!r}",
                    stacklevel=3,
                )
