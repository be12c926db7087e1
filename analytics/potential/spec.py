"""Options of the potential (SOAP-GAP): cutoff, radial functions, references, weights, prior."""

from __future__ import annotations

from dataclasses import dataclass

from analytics.runtime.registry import Options, option

__all__ = ["RetrainSpec"]


@dataclass(frozen=True, slots=True)
class RetrainSpec(Options):
    """Basis and weights of a sparse SOAP-GAP; the same for every subset that is compared."""

    cutoff: float = option(
        5.0, unit="Å", low=1.0, high=12.0, help="Radius of the sphere around an atom."
    )
    radial: int = option(8, low=1, high=16, help="Number of radial functions.")
    angular: int = option(4, low=0, high=12, help="Largest angular momentum.")
    width: float = option(
        0.35, unit="Å", low=0.1, high=2.0, help="Width of the Gaussian that stands for an atom."
    )
    exponent: int = option(2, low=1, high=6, help="Power of the SOAP kernel.")
    references: int = option(
        200, low=2, high=2000, help="Reference environments per species, at most."
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
