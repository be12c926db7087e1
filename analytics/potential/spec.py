"""Options of the potentials (SOAP-GAP, linear ACE): cutoff, basis functions, weights, prior."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from analytics.runtime.registry import Options, option

__all__ = ["AceSpec", "PotentialSpec", "RetrainSpec"]


@dataclass(frozen=True, slots=True)
class PotentialSpec(Options):
    """What every potential that is linear in its coefficients has: reach, weights, prior.

    The class decides which potential it is: `potential` is its name in `POTENTIALS`.
    """

    potential: ClassVar[str]

    cutoff: float = option(
        5.0, unit="Å", low=1.0, high=12.0, help="Radius of the sphere around an atom."
    )
    energy_error: float = option(
        2.0, unit="meV/atom", low=1e-3, help="Error of the energies that the fit reckons with."
    )
    force_error: float = option(
        0.1, unit="eV/Å", low=1e-5, help="Error of the forces that the fit reckons with."
    )
    prior: float = option(
        10.0, unit="eV", low=1e-3, help="Standard deviation of a coefficient before the fit."
    )


@dataclass(frozen=True, slots=True)
class RetrainSpec(PotentialSpec):
    """Basis and weights of a sparse SOAP-GAP; the same for every subset that is compared."""

    potential: ClassVar[str] = "soap_gap"

    radial: int = option(8, low=1, high=16, help="Number of radial functions.")
    angular: int = option(4, low=0, high=12, help="Largest angular momentum.")
    width: float = option(
        0.35, unit="Å", low=0.1, high=2.0, help="Width of the Gaussian that stands for an atom."
    )
    exponent: int = option(2, low=1, high=6, help="Power of the SOAP kernel.")
    references: int = option(
        200, low=2, high=2000, help="Reference environments per species, at most."
    )


@dataclass(frozen=True, slots=True)
class AceSpec(PotentialSpec):
    """Functions and weights of a linear ACE; the same for every subset that is compared."""

    potential: ClassVar[str] = "linear_ace"

    prior: float = option(
        0.1, unit="eV", low=1e-3, help="Standard deviation of a coefficient before the fit."
    )
    radial: int = option(6, low=1, high=16, help="Number of radial functions.")
    angular: int = option(4, low=0, high=8, help="Largest angular momentum of pairs.")
    pairs: int = option(20, low=1, high=200, help="Products of two densities, for each momentum.")
    triples: int = option(10, low=0, high=200, help="Products of three, for each set of momenta.")
