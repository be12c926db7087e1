"""Targets of the fuzzing: what is damaged, how, and what is done with it. One entry adds one."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import json
import lzma
import tempfile
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

import winnow_atomistic as winnow
from analytics.cli.main import main
from analytics.cli.registry import COMMANDS
from analytics.data.export import write_subset
from analytics.density.grid import join
from analytics.density.points import suggest
from analytics.density.readers import read_density
from analytics.density.study import keep_points, prepare_study, spec_for
from analytics.recipe import Recipe
from analytics.runtime.errors import WinnowError
from fuzz import seeds
from fuzz.mutations import (
    STRANGE,
    Files,
    mutate_bytes,
    mutate_json,
    mutate_npy,
    mutate_npz,
    mutate_text,
    several,
)
from views.state.restored import live_choice, live_settings, restored, where_now
from views.state.saved import load, parse

LARGE = 3000  # atoms: larger inputs are read, not analysed


@dataclass(frozen=True)
class Target:
    """A kind of input.

    Attributes
    ----------
    seeds : callable
        Returns valid inputs.
    mutate : callable
        Damages one file of them, given its name, its content and a generator.
    use : callable
        Reads the input at a path and works with it. May raise a `WinnowError` in one line.
    folder : bool
        Whether the folder is opened rather than the first file.
    weight : int
        Share of the inputs.
    """

    seeds: Callable[[], list[Files]]
    mutate: Callable[[str, bytes, Random], bytes]
    use: Callable[[Path], None]
    folder: bool = False
    weight: int = 1


class Fault(Exception):
    """What must not be, although nothing was raised."""


# ---------------------------------------------------------------------------------- data sets


def use_dataset(path: Path) -> None:
    data = winnow.read(path)
    repr(data)
    check_round_trip(data, path)
    winnow.to_atoms(data)
    winnow.check(data).to_dict()
    if data.n_environments > LARGE:
        return
    described = winnow.describe(data)
    analysis = winnow.analyse(data, described)
    method = list(winnow.METHODS)[analysis.n_environments % len(list(winnow.METHODS))]
    for name in ("facility_location", method):
        winnow.measure(analysis, winnow.select(analysis, name, size=1), 1)
    winnow.recipe(analysis, winnow.select(analysis, "random", size=1)).to_dict()
    winnow.conflicts(data, described)
    winnow.overlap(data, data)
    use_stored(data)


def use_stored(data: winnow.Dataset) -> None:
    keys = {key for record in data.records for key in record.arrays}
    for key in sorted(keys)[:2]:
        with contextlib.suppress(WinnowError):
            described = winnow.describe(data, winnow.StoredSpec(key=key, scaling="unit"))
            winnow.analyse(data, described, winnow.KernelSpec(bandwidth=0.1))


def check_round_trip(data: winnow.Dataset, source: Path) -> None:
    """Write everything, read it back, and compare every key and column."""
    name = (source.name if source.is_file() else "folder").partition(".")[0]
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / f"{name}_copy.xyz"
        write_subset(data, np.arange(data.n_structures), copy)
        asked = {
            f"{what}_key": getattr(data.keys, what) or ""
            for what in ("energy", "forces", "config_type")
        }
        try:
            again = winnow.read(copy, **asked)
        except WinnowError as error:
            raise Fault(f"round trip: what was written is refused: {error}") from None
    for what in ("numbers", "positions", "cells", "pbc", "energies", "forces", "config_type"):
        if not same(getattr(data, what), getattr(again, what)):
            raise Fault(f"round trip: {what} differ")
    for s, (one, other) in enumerate(zip(data.records, again.records, strict=True)):
        added = [key for key in other.info if key not in one.info and "original_index" in key]
        check_same_values(s, values_of(one, ()), values_of(other, added))


def values_of(record: Any, added: Collection[str]) -> dict[str, Any]:
    """Return everything a structure brought along; arrays that are no columns travel as keys."""
    info = {key: value for key, value in record.info.items() if key not in added}
    arrays = {key: np.asarray(array) for key, array in record.arrays.items()}
    return info | {f"{key} (column)" if key in info else key: x for key, x in arrays.items()}


def check_same_values(s: int, one: Mapping[str, Any], other: Mapping[str, Any]) -> None:
    if missing := sorted(one.keys() - other.keys()):
        raise Fault(f"round trip: {missing[0][:40]!r} of structure {s} is lost")
    if extra := sorted(other.keys() - one.keys()):
        raise Fault(f"round trip: structure {s} gained {extra[0][:40]!r}")
    for key, value in one.items():
        found = other[key]
        if isinstance(value, np.ndarray) and isinstance(found, list):
            found = np.asarray(found)
        if not same(value, found):
            raise Fault(
                f"round trip: {key[:40]!r} of structure {s} was {type(value).__name__} "
                f"{value!r:.60} and is {type(found).__name__} {found!r:.60}"
            )


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal, with their types; NaN equals NaN."""
    if isinstance(one, np.generic):
        one = one.item()
    if isinstance(other, np.generic):
        other = other.item()
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        alike = one.shape == other.shape and kind_of(one) == kind_of(other)
        if one.dtype.kind == "f":
            return alike and np.array_equal(one, other, equal_nan=True)
        return alike and one.tolist() == other.tolist()
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, float) and isinstance(other, float) and one != one:
        return other != other
    return type(one) is type(other) and bool(one == other)


def kind_of(array: np.ndarray) -> str:
    """Return the kind of an array's values: numbers that text cannot tell apart are one."""
    return {"u": "i", "S": "U"}.get(array.dtype.kind, array.dtype.kind)


def mutate_deepmd(name: str, data: bytes, random: Random) -> bytes:
    return mutate_npy(data, random) if name.endswith(".npy") else several(mutate_text, data, random)


PACKINGS: dict[str, tuple[Any, Any]] = {
    ".gz": (gzip.decompress, gzip.compress),
    ".bz2": (bz2.decompress, bz2.compress),
    ".xz": (lzma.decompress, lzma.compress),
}


def mutate_structures(name: str, data: bytes, random: Random) -> bytes:
    """Damage text as text, packed again where it was, as a rule; and the rest as bytes."""
    unpack, pack = PACKINGS.get(Path(name).suffix, (None, None))
    if unpack is not None and random.random() < 0.7:
        return pack(several(mutate_text, unpack(data), random))
    packed = unpack is not None or b"\0" in data
    if name.endswith((".json", ".db")) and not packed and random.random() < 0.5:
        return mutate_json(data, random)
    return several(mutate_bytes if packed else mutate_text, data, random)


# ---------------------------------------------------------------------------------- densities


def use_density(path: Path) -> None:
    data = read_density(path)
    repr(data)
    if data.n_points > 100_000:
        return
    suggest(data)
    if data.n_snapshots == 1:  # a model is tested on another one
        data = join([data, data], data.name)
    spec = spec_for(data, methods=("random", "ccs"), kept=(0.5,), seeds=1)
    spec = replace(spec, pool_limit=100, test_limit=50, network=replace(spec.network, steps=10))
    study = prepare_study(data, spec)
    keep_points(study, "random", 0.5)


# ---------------------------------------------------------------------------------- recipes


@cache
def the_dataset(place: Path) -> winnow.Dataset:
    return winnow.read(place)


@cache
def the_file() -> Path:
    """Return the data set of recipes and command lines, one for this process."""
    folder = tempfile.TemporaryDirectory(prefix="winnow-fuzz-")
    path = Path(folder.name) / "data.xyz"
    path.write_bytes(seeds.few_structures())
    _FOLDERS.append(folder)
    return path


_FOLDERS: list[Any] = []


def use_recipe(path: Path) -> None:
    with contextlib.suppress(WinnowError):
        run_command(["replay", str(path), str(the_file()), "--json"])
    recipe = Recipe.load(path)
    repr(recipe)
    recipe.kept, recipe.reasons, recipe.steps  # noqa: B018
    again = Recipe.from_dict(json.loads(json.dumps(recipe.to_dict(), allow_nan=False)))
    if again != recipe:
        raise Fault("the recipe written is not the one that was read")
    data = the_dataset(the_file())
    winnow.replay(recipe, data, data if recipe.reference is not None else None)


# ---------------------------------------------------------------------------------- sessions


@cache
def the_analysis(place: Path) -> Any:
    data = the_dataset(place)
    return winnow.analyse(data, winnow.describe(data))


def use_session(path: Path) -> None:
    saved = load(path)
    if parse(saved.to_bytes()).to_dict() != saved.to_dict():
        raise Fault("the session written is not the one that was read")
    live_settings(saved)
    for choice in saved.choices:
        live_choice(choice, choice)
    analysis = the_analysis(the_file())
    restored(saved, analysis)
    restored(saved, analysis, where_now(analysis.dataset, saved.marks))


# ---------------------------------------------------------------------------------- commands


def run_command(arguments: list[str]) -> None:
    """Run a command line; what it prints on an error must be one line of ours."""
    out, said = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(said):
        code = main(arguments)
    if code not in (0, 1, 2):
        raise Fault(f"exit code {code}")
    lines = said.getvalue().splitlines()
    if code == 2 and (len(lines) != 1 or not lines[0].startswith("winnow: error: ")):
        raise Fault(f"exit code 2 and {len(lines)} lines on stderr: {lines[:2]}")
    if code == 2:
        raise WinnowError(lines[0])


def use_options(path: Path) -> None:
    arguments = [str(word) for word in json.loads(path.read_bytes())]
    run_command([str(the_file()) if word == "FILE" else word for word in arguments])


VALUES = (
    *(str(value) for value in STRANGE if not isinstance(value, list | dict)),
    *("1e400", "-0", "1e-300", "0", "1", "2", "0.5", "1e25", "99999999", "100%", "0%", "-1%"),
    *("٣", " ", ",", "1,,2", "1:2", "@", "FILE", "FILE@0:2", "FILE@9", "/", "..", "/dev/null"),
)


@cache
def flags(command: str) -> tuple[str, ...]:
    """Return the options of a command but those that write, serve or take long."""
    parser = Parser()
    if command in COMMANDS:
        COMMANDS[command].add_arguments(parser)
    skipped = ("--output", "--recipe", "--help", "--scheduler", "-o", "-h", "--workers", "--csv")
    found = (flag for flag in parser.flags if not flag.startswith(skipped))
    return tuple(sorted(set(found))) or ("--json",)


class Parser:
    """Stands for a parser, and remembers the options it was given."""

    def __init__(self) -> None:
        self.flags: list[str] = []

    def add_argument(self, *names: str, **_: Any) -> None:
        self.flags += [name for name in names if name.startswith("-")]

    def __getattr__(self, _: str) -> Any:
        return lambda *a, **k: self

    def __iter__(self) -> Any:
        return iter(())


def mutate_options(name: str, data: bytes, random: Random) -> bytes:
    words = json.loads(data)
    for _ in range(random.choice((1, 1, 2, 3))):
        kind = random.randrange(4)
        if kind == 0 and len(words) > 1:
            words[random.randrange(1, len(words))] = random.choice(VALUES)
        else:
            words += [random.choice(flags(words[0])), random.choice(VALUES)]
    return json.dumps(words).encode()


def ignoring_name(
    mutate: Callable[[bytes, Random], bytes],
) -> Callable[[str, bytes, Random], bytes]:
    return lambda name, data, random: several(mutate, data, random)


TARGETS: dict[str, Target] = {
    "extxyz": Target(seeds.extxyz, mutate_structures, use_dataset, weight=6),
    "ase": Target(seeds.of_ase, mutate_structures, use_dataset, weight=5),
    "deepmd": Target(seeds.deepmd, mutate_deepmd, use_dataset, folder=True, weight=3),
    "density-npz": Target(seeds.density_npz, ignoring_name(mutate_npz), use_density, weight=3),
    "density-text": Target(seeds.volumes, mutate_structures, use_density, weight=3),
    "recipe": Target(seeds.recipes, ignoring_name(mutate_json), use_recipe, weight=3),
    "session": Target(seeds.sessions, ignoring_name(mutate_json), use_session, weight=3),
    "options": Target(seeds.options, mutate_options, use_options, weight=2),
}


def make_input(name: str, pool: list[Files], seed: int, index: int) -> Files:
    """Return input `index` of a target: seeds as they are between the first damaged ones."""
    if index % 3 == 0 and index // 3 < len(pool):
        return pool[index // 3]
    random = Random(f"{seed}/{name}/{index}")
    files = dict(random.choice(pool))
    changed = random.choice(list(files))
    if len(files) > 1 and random.random() < 0.1:
        del files[changed]
    else:
        files[changed] = TARGETS[name].mutate(changed, files[changed], random)
    return files


__all__ = ["TARGETS", "Fault", "Target", "make_input"]
