"""Label relations: how energies and forces of the same structures in two files are related."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase.units import Bohr, Hartree, Rydberg, kcal, kJ, mol

from analytics.data.dataset import Dataset
from analytics.data.exact_duplicates import SAME
from analytics.data.geometries import Geometries
from analytics.data.superposition import partners
from analytics.runtime.arrays import FloatArray, IntArray
from analytics.runtime.value import Value

__all__ = ["LabelRelation", "energy_relation", "force_relation"]

#: Energies (eV/atom) and forces (eV/angstrom, and as a part of their size) that agree.
ENERGY, FORCE, PART = 1e-3, 1e-3, 1e-3
#: Share of structures with equal energies that makes the others the exception.
MOST = 0.5
#: Agreement of a factor with a unit.
ALIKE = 0.01
FACTORS = {
    "energy": {
        "hartree": Hartree, "rydberg": Rydberg, "kcal/mol": kcal / mol, "kJ/mol": kJ / mol,
        "meV": 1e-3,
    },
    "forces": {
        "hartree/bohr": Hartree / Bohr, "rydberg/bohr": Rydberg / Bohr, "hartree/Å": Hartree,
        "kcal/mol/Å": kcal / mol, "kJ/mol/Å": kJ / mol, "eV/bohr": 1.0 / Bohr, "meV/Å": 1e-3,
    },
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class LabelRelation(Value):
    """How a label of one file follows from that of another, for the same structures.

    Attributes
    ----------
    label : 'energy' or 'forces'
    kind : str
        'equal', 'sign' (the other one), 'offset' (the same for every structure), 'offset_per_atom',
        'offset_per_element', 'factor', 'partly_equal', 'unlike', or 'missing'.
    n : int
        Structures compared.
    value : float
        The offset (second minus first; eV or eV/atom), or the factor; NaN where there is none.
    difference : float
        Root mean square of what differs as the labels stand: eV/atom, or eV/angstrom.
    remaining : float
        The same once the relation is taken off.
    words : str
    """

    label: str
    kind: str
    n: int
    value: float
    difference: float
    remaining: float
    words: str


def energy_relation(one: Dataset, other: Dataset, pairs: IntArray) -> LabelRelation:
    """Return how the energies of one data set are related to those of another.

    Parameters
    ----------
    one, other : Dataset
    pairs : int array (n, 2)
        The same structures: indices into the first and into the second.
    """
    if one.energies is None or other.energies is None or not len(pairs):
        return _missing("energy", one.energies is None, other.energies is None)
    pairs = pairs[np.isfinite(one.energies[pairs[:, 0]]) & np.isfinite(other.energies[pairs[:, 1]])]
    if not len(pairs):
        return _missing("energy", False, False)
    first, second = one.energies[pairs[:, 0]], other.energies[pairs[:, 1]]
    sizes = one.sizes[pairs[:, 0]].astype(float)
    table = one.compositions[pairs[:, 0]].astype(float)
    away = second - first
    difference = _rms(away / sizes)

    def found(kind: str, value: float, left: FloatArray, words: str) -> LabelRelation:
        return LabelRelation(
            "energy", kind, len(pairs), value, difference, _rms(left / sizes), words
        )

    if np.abs(away / sizes).max() <= ENERGY:
        return found("equal", np.nan, away, f"equal within {ENERGY * 1e3:g} meV/atom")
    if len(pairs) > 1:
        offset = float(np.median(away))
        if np.abs((away - offset) / sizes).max() <= ENERGY:
            return found("offset", offset, away - offset, f"{offset:+.6g} eV per structure")
        offset = float(np.median(away / sizes))
        if np.abs(away / sizes - offset).max() <= ENERGY:
            words = f"{offset:+.6g} eV per atom"
            return found("offset_per_atom", offset, away - offset * sizes, words)
        factor = float(first @ second / (first @ first)) if np.any(first) else np.nan
        if (
            np.isfinite(factor)
            and np.abs((second - factor * first) / sizes).max()
            <= max(ENERGY * abs(factor), PART * float(np.abs(second / sizes).max()))
            and abs(factor - 1.0) > ALIKE
        ):
            words = _factor_words("energy", factor)
            return found("factor", factor, second - factor * first, words)
    fit = table @ np.linalg.lstsq(table, away, rcond=None)[0]
    if len(pairs) > np.linalg.matrix_rank(table) and np.abs((away - fit) / sizes).max() <= ENERGY:
        return found("offset_per_element", np.nan, away - fit, "a constant per element apart")
    fine = np.abs(away / sizes) <= ENERGY
    if fine.mean() >= MOST:
        words = (
            f"equal in {fine.sum()} of {len(pairs)}; the others are up to "
            f"{np.abs(away / sizes).max() * 1e3:.3g} meV/atom apart"
        )
        return found("partly_equal", np.nan, away, words)
    left = away - fit if len(pairs) > np.linalg.matrix_rank(table) else away
    beyond = _rms(left / sizes) * 1e3
    words = (
        f"unlike: {difference * 1e3:.3g} meV/atom apart (root mean square), {beyond:.3g} beyond a "
        "constant per element: another functional, setting or code"
    )
    return found("unlike", np.nan, left, words)


def force_relation(one: Dataset, other: Dataset, pairs: IntArray) -> LabelRelation:
    """Return how the forces on the same atoms are related, see `energy_relation`."""
    if one.forces is None or other.forces is None or not len(pairs):
        return _missing("forces", one.forces is None, other.forces is None)
    first, second, n = _forces(one, other, pairs)
    if not n:
        return _missing("forces", False, False)
    difference = _rms(second - first)
    square = float((first**2).sum())
    factor = float((first * second).sum()) / square if square else np.nan
    near = max(FORCE, PART * float(np.abs(first).max()))

    def found(kind: str, value: float, left: FloatArray, words: str) -> LabelRelation:
        return LabelRelation("forces", kind, n, value, difference, _rms(left), words)

    if np.abs(second - first).max() <= near:
        return found("equal", np.nan, second - first, f"equal within {near:.1g} eV/Å")
    if np.abs(second + first).max() <= near:
        return found("sign", -1.0, second + first, "the other sign: one of the two holds gradients")
    left = second - factor * first if np.isfinite(factor) else second
    if np.isfinite(factor) and _rms(left) <= ALIKE * _rms(second):
        return found("factor", factor, left, _factor_words("forces", factor))
    words = f"unlike: {difference:.3g} eV/Å apart (root mean square of the components)"
    return found("unlike", np.nan, second - first, words)


def _forces(one: Dataset, other: Dataset, pairs: IntArray) -> tuple[FloatArray, FloatArray, int]:
    """Return the known forces on the same atoms, and of how many structures they are."""
    assert one.forces is not None
    assert other.forces is not None
    geometries = Geometries.of([one, other])
    parts: list[tuple[FloatArray, FloatArray]] = []
    for a, b in pairs.tolist():
        atoms = partners(geometries, a, one.n_structures + b, SAME)
        if atoms is not None:
            first, second = one.forces[one.rows(a)], other.forces[other.rows(b)][atoms]
            known = np.isfinite(first).all(axis=1) & np.isfinite(second).all(axis=1)
            if known.any():
                parts.append((first[known], second[known]))
    if not parts:
        return np.zeros((0, 3)), np.zeros((0, 3)), 0
    return np.concatenate([a for a, _ in parts]), np.concatenate([b for _, b in parts]), len(parts)


def _missing(label: str, first: bool, second: bool) -> LabelRelation:
    words = {
        (True, True): "in neither",
        (True, False): "only in the second",
        (False, True): "only in the first",
    }
    where = words.get((first, second), "nothing to compare")
    return LabelRelation(label, "missing", 0, np.nan, np.nan, np.nan, where)


def _factor_words(label: str, factor: float) -> str:
    for unit, size in FACTORS[label].items():
        for value, text in ((size, "the first"), (1.0 / size, "the second")):
            if abs(abs(factor) / value - 1.0) < ALIKE:
                sign = ", with the other sign" if factor < 0 else ""
                return f"times {factor:.6g}: {text} may be in {unit}{sign}"
    return f"times {factor:.6g}"


def _rms(values: FloatArray) -> float:
    return float(np.sqrt(np.mean(values**2))) if values.size else float("nan")
