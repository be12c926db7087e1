"""Names of labels, taken apart: energy, forces or stress, whose (reference or model), what unit.

``vasp_total_energy``, ``energyDFT``, ``forces_Ha_bohr`` and ``MACE_energy`` are words put together.
A name means a label if one of its words does and no other says that it is a part, a difference or
a share of one: an energy of formation, per atom or of adsorption is no total energy.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

__all__ = ["Meaning", "Origin", "label_of_words", "meaning_of", "words_of"]

Origin = Literal["reference", "plain", "method", "unknown", "model"]
_Kind = Literal["energy", "forces", "stress"]


def _told_apart(lists: Mapping[str, str]) -> dict[str, str]:
    """Return what each word means, from the words of each meaning."""
    return {word: meaning for meaning, words in lists.items() for word in words.split()}


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_NOUNS: dict[str, _Kind] = {
    **dict.fromkeys(
        ("energy", "energies", "ener", "toten", "etot", "epot", "etotal", "poteng"), "energy"
    ),
    **dict.fromkeys(("force", "forces", "frc", "frcs"), "forces"),
    **dict.fromkeys(("stress", "stresses", "virial", "virials"), "stress"),
}
#: Symbols, which are nouns where they are the whole name or stand with words that are known.
_SYMBOLS: dict[str, _Kind] = {"e": "energy", "ef": "energy", "f": "forces"}
_REFERENCE = _set("ref reference target targets label labels true")
_METHODS = _set(
    """
    dft qm quantum ai ab initio abinitio calc calculated raw original orig training train
    vasp castep qe pwscf espresso cp2k orca psi4 gaussian aims fhi fhiaims abinit siesta gpaw nwchem
    turbomole molpro openmx conquest abacus dftb xtb gfn gfn0 gfn1 gfn2 nomad mp oqmd aflow
    pbe pbesol revpbe rpbe scan r2scan rscan lda gga hse hse06 pbe0 b3lyp blyp bp86 tpss m06 optb88
    wb97 wb97x wb97xd wb97xd3 wb97m u d2 d3 d3bj d4 bj mbd ts dz tz svp tzvp tzvpd def2
    coupled cluster hf mp2 rimp2 ccsd ccsdt cc dlpno cbs rpa casscf dmc gw
    """
)
_MODELS = _set(
    """
    model models pred preds predicted prediction predictions ml mlp mlip mliap mlff nn nnp nnff bpnn
    mace nequip allegro chgnet m3gnet megnet matgl alignn gap soap snap qsnap ace pace nep dp dpa
    dpa2 deepmd deeppot mtp ani aimnet schnet painn gemnet equiformer eqv2 escn esen orb mattersim
    sevennet uma grace pet tensornet torchmd nequix n2p2 uf3 pod mlpod flare bamboo lammps
    committee ensemble fitted fit eam meam lj reaxff tersoff sw emt ff forcefield uff gfnff
    classical
    """
)
#: Words that leave a total what it is, the likeliest to be meant first.
_KINDS = ("total", "tot", "potential", "pot", "corrected", "free", "scf", "electronic", "full")
_HARMLESS = frozenset(_KINDS) | _set(
    """
    uncorrected final sigma0 wo without entropy system structure config cell atoms tensor matrix
    value data the of on xc cart cartesian xyz voigt
    """
)
#: Words after which it is no longer the label itself, and what it is then.
_CAUTIONS = _told_apart({
    "per atom": "per peratom pa",
    "formation": "formation form hull ehull above decomposition",
    "adsorption": "adsorption ads adsorbate",
    "binding": "binding bind cohesive coh atomization interaction",
    "kinetic or thermal": "kinetic kin ke temperature thermal enthalpy gibbs helmholtz",
    "electron levels": "band bandgap fermi homo lumo level",
    "an error or a spread": "error errors err std sigma variance var uncertainty unc rmse mae rms "
    "spread deviation dev disagreement residual residuals",
    "a difference or a shift": "delta diff difference correction shift offset change d relative "
    "rel baseline e0 e0s isolated shifted normalized scaled centered barrier activation reaction "
    "surface vacancy defect reorganization",
    "a part": "dispersion disp vdw nuclear nuc core repulsion coulomb exchange correlation ewald "
    "solvation bond angle dihedral elec electrostatic external internal zpe zero point smearing "
    "polarization hubbard long short pair spring elastic strain constraint constrained",
    "a derivative": "constant constants gradient gradients grad hessian",
    "something about it": "weight weights w cutoff mask flag max maximum min minimum mean average "
    "avg norm count n id index tolerance threshold conv converged convergence key unit units type "
    "grid step ediff net sum spin magnetic",
})  # fmt: skip
_ENERGY_UNITS = {
    **dict.fromkeys(("ev",), "eV"),
    "mev": "meV",
    **dict.fromkeys(("ha", "hartree", "hartrees", "eh", "har", "htr"), "hartree"),
    **dict.fromkeys(("ry", "ryd", "rydberg"), "Ry"),
    **dict.fromkeys(("kcal", "kcalmol", "kcalpermol"), "kcal/mol"),
    **dict.fromkeys(("kj", "kjmol", "kjpermol"), "kJ/mol"),
}
_LENGTH_UNITS = {
    **dict.fromkeys(("a", "å", "ang", "angs", "angstrom", "angstroms"), "Å"),
    **dict.fromkeys(("bohr", "a0"), "bohr"),
    "nm": "nm",
}
_PRESSURES = {"gpa": "GPa", "mpa": "MPa", "kbar": "kbar", "kb": "kbar", "bar": "bar"}
_VOLUMES = {f"{name}3": f"{unit}^3" for name, unit in _LENGTH_UNITS.items()}
_GLUED_UNITS = {
    "eva": ("ev", "a"), "evang": ("ev", "ang"), "evangstrom": ("ev", "ang"), "eva3": ("ev", "a3"),
    "evang3": ("ev", "ang3"), "habohr": ("ha", "bohr"), "hab": ("ha", "bohr"),
    "kcalmola": ("kcal", "mol", "a"), "kcalmolang": ("kcal", "mol", "ang"),
}  # fmt: skip
#: Names that VASP has in its XML.
_ALIASES = {
    "e_fr_energy": ("free", "energy"),
    "e_0_energy": ("sigma0", "energy"),
    "e_wo_entrp": ("energy", "without", "entropy"),
}
_PARTS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+|[^\W\d_]+")
_BLANKS = re.compile(r"[^0-9A-Za-zÅå]+")
#: What is found within words that are written as one: dftenergy, totalforces.
_INSIDE = re.compile(
    r"(?P<before>.*?)(?P<noun>energy|energies|forces|force|stress|virials|virial)(?P<after>.*)\Z"
)


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a name says.

    Attributes
    ----------
    label : 'energy', 'forces', 'stress' or None
    origin : str
        Whose label: of the reference, in so many words; plain; of a method of first principles or
        the like; of somebody unknown; of a model.
    caution : str
        Why it is not the label itself: 'per atom', 'formation'; empty if it is.
    unit : str
        Unit that the name states; empty if none.
    rank : tuple
        Sorts names, those that are likeliest to be meant first.
    virial : bool
        Whether the stress is a virial.
    owner : str
        The words that say whose it is: labels of the same owner belong together.
    per_atom : bool
        Whether an energy is one for each atom: times their number it is a total one.
    """

    label: _Kind | None
    origin: Origin = "unknown"
    caution: str = ""
    unit: str = ""
    rank: tuple[int, ...] = (9,)
    virial: bool = False
    owner: str = ""
    per_atom: bool = False

    @property
    def taken(self) -> bool:
        """Whether the name alone is reason enough to take it for the label."""
        return self.label is not None and not self.caution and self.origin in _ORIGINS[:3]


_ORIGINS: tuple[Origin, ...] = ("reference", "plain", "method", "unknown", "model")


@lru_cache(maxsize=4096)
def words_of(name: str) -> tuple[str, ...]:
    """Return the words of a name in lower case: TotEnergy_eV is tot, energy, ev."""
    if name.lower() in _ALIASES:
        return _ALIASES[name.lower()]
    found: list[str] = []
    for piece in _BLANKS.split(name):
        whole = _taken_apart(piece.lower())
        if all(word in _VOCABULARY or word in _GLUED_UNITS for word in whole):
            found += whole
            continue
        for word in _camel(piece):
            found += _taken_apart(word.lower())
    return tuple(word for word in found if word)


def _camel(piece: str) -> list[str]:
    """Split TotEnergy at its capitals, and leave digits with what they follow."""
    words: list[str] = []
    for word in _PARTS.findall(piece):
        glued = words[-1] + word if words else ""
        if words and (word.isdigit() or glued.lower() in _VOCABULARY):
            words[-1] = glued
        else:
            words.append(word)
    return words


def _taken_apart(word: str) -> list[str]:
    if word in _VOCABULARY or word in _GLUED_UNITS:
        return [word]
    match = _INSIDE.match(word)
    if match is None:
        return [word]
    return [part for part in (match["before"], match["noun"], match["after"]) if part]


def label_of_words(words: Iterable[str]) -> _Kind | None:
    """Return the label that words name, if one of them does."""
    return next((_NOUNS[word] for word in words if word in _NOUNS), None)


@lru_cache(maxsize=4096)
def meaning_of(name: str) -> Meaning:
    """Return what a name says, as far as its words are known."""
    words = [part for word in words_of(name) for part in _GLUED_UNITS.get(word, (word,))]
    nouns = [word for word in words if word in _NOUNS]
    label = _NOUNS[nouns[0]] if nouns else None
    if label is None:
        symbols = [word for word in words if word in _SYMBOLS]
        company = set(words) - set(symbols)
        if len(symbols) != 1 or not company <= _SYMBOL_COMPANY | set(_CAUTIONS) | {"atom"}:
            return Meaning(None)
        label, nouns = _SYMBOLS[symbols[0]], symbols
    rest = [word for word in words if word not in nouns]
    unit, rest = _unit(label, rest)
    caution = next((_CAUTIONS[word] for word in rest if word in _CAUTIONS), "")
    if nouns[0] == "e" and "gap" in rest:
        caution = "electron levels"
    if label == "energy" and not caution and {"atomic", "atom"} & set(rest):
        caution = "per atom"
    if len({_NOUNS.get(word) for word in nouns}) > 1:
        caution = caution or "two things at once"
    if len(set(nouns)) > 1 and label == "stress":
        caution = caution or "a part"  # virial_stress: without the kinetic one
    owner = [
        word
        for word in rest
        if word not in _HARMLESS | {"atom", "atomic"} and word not in _CAUTIONS
    ]
    origin = _origin(owner)
    kind = min((_KINDS.index(w) + 1 for w in rest if w in _KINDS), default=0)
    if "uncorrected" in rest:
        kind = len(_KINDS) + 1
    rank = (
        _ORIGINS.index(origin),
        int(nouns[0] in _SYMBOLS),
        int(label == "stress" and nouns[0] != "stress"),
        kind,
        int(bool(unit) and unit not in ("eV", "eV/Å")),
        len(words),
        int(name != name.lower()),
    )
    per_atom = "per atom" in {caution, *map(_CAUTIONS.get, rest)}
    return Meaning(
        label, origin, caution, unit, rank, "virial" in nouns[0], " ".join(owner), per_atom
    )


def _origin(owner: list[str]) -> Origin:
    if not owner:
        return "plain"
    if any(word in _MODELS for word in owner):
        return "model"
    words = [word for word in owner if not word.isdigit()]
    if words and all(word in _REFERENCE or word in _METHODS for word in words):
        return "reference" if any(word in _REFERENCE for word in owner) else "method"
    return "unknown"


def _unit(label: _Kind, words: list[str]) -> tuple[str, list[str]]:
    """Return the unit that words state, and the words without it."""
    at = next(
        (i for i, word in enumerate(words) if word in _ENERGY_UNITS or word in _PRESSURES), None
    )
    if at is None:
        atomic = [i for i, word in enumerate(words) if word == "au"]
        return ("a.u.", [w for w in words if w != "au"]) if atomic else ("", words)
    if words[at] in _PRESSURES:
        return _PRESSURES[words[at]], words[:at] + words[at + 1 :]
    unit, stop = _ENERGY_UNITS[words[at]], at + 1
    for filler in ("per", "mol", "per"):
        following = words[stop + 1] if stop + 1 < len(words) else ""
        if stop < len(words) and words[stop] == filler and (filler == "mol" or following != "atom"):
            stop += 1
    if label != "energy" and stop < len(words) and words[stop] in _LENGTH_UNITS | _VOLUMES:
        unit += f"/{(_LENGTH_UNITS | _VOLUMES)[words[stop]]}"
        stop += 1
        if stop < len(words) and words[stop] == "3":
            unit, stop = f"{unit}^3", stop + 1
    elif label == "forces" and unit in ("eV", "meV", "kcal/mol"):
        unit += "/Å"
    return unit, words[:at] + words[stop:]


#: What may stand with a bare E or F: anything that says whose it is, or which kind.
_SYMBOL_COMPANY = (
    _REFERENCE | _METHODS | _MODELS | _HARMLESS | set(_ENERGY_UNITS) | set(_LENGTH_UNITS) | {"mol"}
)
_VOCABULARY = frozenset(
    _SYMBOL_COMPANY
    | {"atom", "atomic"}
    | set(_NOUNS)
    | set(_CAUTIONS)
    | set(_PRESSURES)
    | set(_VOLUMES)
) - {"a", "å", "d", "n", "w", "u"}
