"""The Density stage: how much of a Kohn-Sham electron density a model needs."""

from views.density.state import DensityState
from views.density.view import DensityView

__all__ = ["DensityState", "DensityView"]
