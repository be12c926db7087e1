"""Main outputs of codes: several steps, several runs in a file, runs that were killed."""

from __future__ import annotations

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms, FixCartesian
from ase.units import Bohr, Ha

from analytics.data.ase_reader import own_format, read_frames
from analytics.data.frames import SCF_CONVERGED, Frame, LeftOut
from analytics.runtime.errors import InputError
from analytics.runtime.progress import SILENT

STEPS = ((1.0, -75.1, 0.02), (1.1, -75.2, 0.01), (1.2, -75.3, 0.001))


def frames_of(path):
    """Return the frames of a file and what was left out, in this process."""
    found = read_frames(str(path), SILENT)
    return (
        [one for one in found if isinstance(one, Frame)],
        [one for one in found if isinstance(one, LeftOut)],
    )


def assert_steps(frames, steps, atol=1e-5):
    """Each energy and force is that of the geometry it stands at."""
    assert len(frames) == len(steps)
    for frame, (z, energy, slope) in zip(frames, steps, strict=True):
        assert frame.numbers.tolist() == [8, 1]
        assert frame.positions[1, 2] == pytest.approx(z, abs=atol)
        assert frame.info["energy"] == pytest.approx(energy * Ha, abs=1e-6)
        if slope is not None:
            np.testing.assert_allclose(frame.arrays["forces"][1], [0, 0, -slope * Ha / Bohr])


# ---- GAMESS --------------------------------------------------------------------------------------

GAMESS = "          *         GAMESS VERSION = 30 JUN 2019 (R1)          *\n"


def gamess_first(z):
    return (
        " ATOM      ATOMIC                      COORDINATES (BOHR)\n"
        "           CHARGE         X                   Y                   Z\n"
        " O           8.0     0.0000000000        0.0000000000        0.0000000000\n"
        f" H           1.0     0.0000000000        0.0000000000        {z / Bohr:.10f}\n\n"
    )


def gamess_next(z):
    return (
        " COORDINATES OF ALL ATOMS ARE (ANGS)\n"
        "   ATOM   CHARGE       X              Y              Z\n"
        " ------------------------------------------------------------\n"
        " O           8.0   0.0000000000   0.0000000000   0.0000000000\n"
        f" H           1.0   0.0000000000   0.0000000000   {z:.10f}\n\n"
    )


def gamess_labels(energy, slope):
    return (
        f" FINAL RHF ENERGY IS    {energy:.10f} AFTER  10 ITERATIONS\n\n"
        " UNITS ARE HARTREE/BOHR    E'X               E'Y               E'Z \n"
        f"    1 O     0.000000000       0.000000000     {-slope:.9f}\n"
        f"    2 H     0.000000000       0.000000000     {slope:.9f}\n\n"
    )


def test_every_step_of_a_gamess_optimisation_has_its_own_geometry(write) -> None:
    text = GAMESS + gamess_first(1.0)
    text += "".join(gamess_next(z) + gamess_labels(e, g) for z, e, g in STEPS)
    text += "***** EQUILIBRIUM GEOMETRY LOCATED *****\n" + gamess_next(1.2)
    frames, lost = frames_of(write(text, "a.log"))
    assert_steps(frames, STEPS)
    assert not lost
    frames, lost = frames_of(write(text + text, "twice.log"))  # a second run in the same file
    assert_steps(frames, STEPS + STEPS)
    _, lost = frames_of(write(text[: text.rindex(" FINAL")], "killed.log"))
    assert [one.frame for one in lost] == [2]


def test_the_zero_that_gamess_prints_without_convergence_is_no_energy(write) -> None:
    text = GAMESS + gamess_first(1.0) + gamess_labels(-75.1, 0.02) + gamess_next(1.1)
    text += " SCF IS UNCONVERGED, TOO MANY ITERATIONS\n" + gamess_labels(0.0, 0.0)
    frames, lost = frames_of(write(text, "a.log"))
    assert [one.part for one in lost] == ["energy"]
    assert [frame.info[SCF_CONVERGED] for frame in frames] == [True, False]


# ---- ORCA ----------------------------------------------------------------------------------------

ORCA = "                                 * O   R   C   A *\n"
ORCA_ENDS = "                             ****ORCA TERMINATED NORMALLY****\n"


def orca_geometry(z):
    return (
        "---------------------------------\nCARTESIAN COORDINATES (ANGSTROEM)\n"
        "---------------------------------\n  O      0.000000    0.000000    0.000000\n"
        f"  H      0.000000    0.000000    {z:.6f}\n\n"
    )


def orca_labels(energy, slope):
    return (
        f"FINAL SINGLE POINT ENERGY     {energy:.12f}\n\n"
        "------------------\nCARTESIAN GRADIENT\n------------------\n\n"
        f"   1   O   :    0.000000000    0.000000000   {-slope:.9f}\n"
        f"   2   H   :    0.000000000    0.000000000   {slope:.9f}\n\n"
    )


def test_jobs_of_one_orca_input_and_a_killed_run_keep_their_steps(write) -> None:
    steps = "".join(orca_geometry(z) + orca_labels(e, g) for z, e, g in STEPS)
    for text in (ORCA + steps + ORCA_ENDS, ORCA + steps, ORCA + steps.replace("\n", "\r\n")):
        frames, lost = frames_of(write(text, "a.out"))
        assert_steps(frames, STEPS)
        assert not lost
    bad = steps.replace("-75.200000000000", "-75.200000000000 (SCF not fully converged!)")
    frames, _ = frames_of(write(ORCA + bad, "b.out"))
    assert [frame.info[SCF_CONVERGED] for frame in frames] == [True, False, True]


def test_energies_of_molecular_dynamics_are_not_given_to_the_first_geometry(write) -> None:
    text = ORCA + orca_geometry(1.0) + "".join(orca_labels(e, g) for _, e, g in STEPS) + ORCA_ENDS
    frames, _ = frames_of(write(text, "a.out"))
    assert_steps(frames, STEPS[:1])
    assert "2 energies in the file" in frames[0].notes[0]


# ---- NWChem --------------------------------------------------------------------------------------

NWCHEM = "              Northwest Computational Chemistry Package (NWChem) 7.0.2\n"


def nwchem_geometry(z, tag="H", charge=1.0):
    return (
        '\n                             Geometry "geometry" -> ""\n'
        "                             -------------------------\n\n"
        " Output coordinates in angstroms (scale by  1.889725989 to convert to a.u.)\n\n"
        "  No.       Tag          Charge          X              Y              Z\n"
        " ---- ---------------- ---------- -------------- -------------- --------------\n"
        "    1 O                    8.0000     0.00000000     0.00000000     0.00000000\n"
        f"    2 {tag}                    {charge:.4f}     0.00000000     0.00000000     {z:.8f}\n\n"
    )


def nwchem_energy(energy):
    return (
        "                                 NWChem DFT Module\n"
        f"\n         Total DFT energy =    {energy:.12f}\n\n"
    )


def nwchem_gradient(z, slope):
    return (
        "                            DFT ENERGY GRADIENTS\n\n"
        "    atom               coordinates                        gradient\n"
        "                 x          y          z           x          y          z\n"
        f"   1 O       0.000000   0.000000   0.000000    0.000000   0.000000  {-slope:.6f}\n"
        f"   2 H       0.000000   0.000000   {z / Bohr:.6f}    0.000000   0.000000  {slope:.6f}\n\n"
    )


def test_the_energies_of_a_line_search_have_no_geometry_in_nwchem(write) -> None:
    text = NWCHEM
    for z, energy, slope in STEPS:
        text += nwchem_geometry(z, "H1") + nwchem_energy(energy) + nwchem_gradient(z, slope)
        text += nwchem_energy(energy - 0.05)  # at a trial point that is not printed
    frames, lost = frames_of(write(text, "a.out"))
    assert_steps(frames, STEPS)
    assert not lost
    assert "3 energies in the file" in frames[0].notes[0]


def test_single_points_of_two_nwchem_runs_are_not_mixed(write) -> None:
    text = "".join(NWCHEM + nwchem_geometry(z) + nwchem_energy(e) for z, e, _ in STEPS)
    assert_steps(frames_of(write(text, "a.out"))[0], [(z, e, None) for z, e, _ in STEPS])
    text = NWCHEM + nwchem_geometry(1.0) + nwchem_energy(-75.1)
    text += nwchem_geometry(1.1, "bqH", 0.0) + nwchem_energy(-75.2)
    frames, lost = frames_of(write(text, "b.out"))
    assert_steps(frames, [(1.0, -75.1, None)])
    assert "ghost" in lost[0].cause


# ---- ABINIT --------------------------------------------------------------------------------------

ABINIT = """
.Version 9.4.1 of ABINIT
-outvars: echo values of preprocessed input variables --------
            acell      1.0000000000E+00  1.0000000000E+00  1.0000000000E+00 Bohr
            natom           2
           ntypat           2
            typat      1  2
            znucl        8.00000    1.00000

================================================================================
 R(1)=  9.0000000  0.0000000  0.0000000  G(1)=  0.1111111  0.0000000  0.0000000
 R(2)=  0.0000000  9.0000000  0.0000000  G(2)=  0.0000000  0.1111111  0.0000000
 R(3)=  0.0000000  0.0000000  9.0000000  G(3)=  0.0000000  0.0000000  0.1111111
"""


def abinit_step(z, energy, slope, length, warning=""):
    return (
        f"{warning}---OUTPUT---\n\n Cartesian coordinates (xcart) [bohr]\n  0.0 0.0 0.0\n"
        f"  0.0 0.0 {z / Bohr:.14E}\n Reduced coordinates (xred)\n  0 0 0\n  0 0 0.2\n"
        " Cartesian forces (fcart) [Ha/bohr]; max,rms= 2.E-02 1.E-02 (free atoms)\n"
        f"  0.0 0.0 {slope:.14E}\n  0.0 0.0 {-slope:.14E}\n"
        " Real space primitive translations (rprimd) [bohr]\n"
        f"  {length} 0.0 0.0\n  0.0 {length} 0.0\n  0.0 0.0 {length}\n"
        f" Total energy (etotal) [Ha]= {energy:.14E}\n\n"
    )


def test_every_step_of_abinit_with_its_own_cell(write) -> None:
    failed = "  nstep=   20 was not enough SCF cycles to converge;\n"
    text = ABINIT
    for at, (step, length) in enumerate(zip(STEPS, (9.0, 9.1, 9.2), strict=True)):
        text += abinit_step(*step, length, failed if at == 1 else "")
    text += " cartesian coordinates (angstrom) at end:\n    1  0.0 0.0 0.0\n    2  0.0 0.0 1.2\n\n"
    text += f"--- !EnergyTerms\ntotal_energy        : {-75.3:.14E}\n"
    path = write(text, "a.abo")
    assert own_format(path).title == "ABINIT output"
    frames, lost = frames_of(path)
    assert_steps(frames, STEPS)
    assert not lost
    np.testing.assert_allclose([f.cell[0, 0] for f in frames], np.array([9.0, 9.1, 9.2]) * Bohr)
    assert [frame.info[SCF_CONVERGED] for frame in frames] == [True, False, True]


# ---- several runs, and runs that were killed, where ASE reads ------------------------------------


def gaussian(z, energy):
    def table(name):
        return (
            f"                         {name} orientation:\n ---\n Center\n Number\n ---\n"
            "      1          8           0        0.000000    0.000000    0.000000\n"
            f"      2          1           0        0.000000    0.000000    {z:.6f}\n ---\n"
        )

    return (
        " Entering Gaussian System, Link 0=g16\n" + table("Input") + table("Standard")
        + f" SCF Done:  E(RB3LYP) =  {energy:.9f}     A.U. after    9 cycles\n"
        " 1\\1\\GINC-X\\SP\\RB3LYP\\\\\n"
    )  # fmt: skip


def test_runs_of_gaussian_after_the_first_archive_entry(write) -> None:
    text = "".join(gaussian(z, e) for z, e, _ in STEPS) + gaussian(*STEPS[-1][:2])
    frames, _ = frames_of(write(text, "a.log"))
    assert_steps(frames, [(z, e, None) for z, e, _ in STEPS])  # the last one is repeated


AIMS = """
          Invoking FHI-aims ...
  | Number of atoms                   :        2
  | Number of spin channels           :        1
  | Atomic structure:
  |       Atom                x [A]            y [A]            z [A]
  |    1: Species O             0.00000000        0.00000000        0.00000000
  |    2: Species H             0.00000000        0.00000000        {z:.8f}
  The structure contains        2 atoms,  and a total of          9.000 electrons.
  | Number of Kohn-Sham states (occupied + empty):       10
  Begin self-consistency iteration #    1
"""


def aims_labels(energy, slope):
    return (
        "\n  Self-consistency cycle converged.\n"
        f"  | Total energy uncorrected      :         {energy * Ha:.12E} eV\n"
        f"  | Electronic free energy        :         {energy * Ha:.12E} eV\n"
        f"  Total atomic forces (unitary forces cleaned) [eV/Ang]:\n"
        f"  |    1          0.0          0.0          {slope * Ha / Bohr:.12E}\n"
        f"  |    2          0.0          0.0          {-slope * Ha / Bohr:.12E}\n\n"
    )


def aims_geometry(z):
    return (
        "  Atomic structure (and velocities) as used in the preceding time step:\n"
        "            atom         0.00000000        0.00000000        0.00000000  O\n"
        f"            atom         0.00000000        0.00000000        {z:.8f}  H\n"
        "  Complete information for previous time-step:\n"
    )


def test_a_step_of_fhi_aims_without_geometry_does_not_get_the_first(write) -> None:
    again = "          Begin self-consistency loop: Re-initialization.\n"
    text = AIMS.format(z=1.0)
    text += again.join(aims_labels(e, g) + aims_geometry(z) for z, e, g in STEPS)
    other = AIMS.format(z=1.3) + aims_labels(-75.4, 0.03)
    frames, lost = frames_of(write(text + other, "a.out"))
    assert_steps(frames, (*STEPS, (1.3, -75.4, 0.03)))
    assert not lost
    killed = text[: text.rindex("  Atomic structure (and")]
    frames, lost = frames_of(write(killed, "b.out"))
    assert_steps(frames, STEPS[:2])
    assert [one.frame for one in lost] == [2]


CASTEP = """
 | Welcome to Academic Release CASTEP version 19.1 |

 ************************************ Title ************************************

 ***************************** General Parameters ******************************

 *******************************************************************************
"""


def castep_step(z, energy, slope):
    return (
        "                                      Unit Cell\n"
        "        Real Lattice(A)              Reciprocal Lattice(1/A)\n"
        "   9.0000000     0.0000000     0.0000000        0.698   0.000   0.000\n"
        "   0.0000000     9.0000000     0.0000000        0.000   0.698   0.000\n"
        "   0.0000000     0.0000000     9.0000000        0.000   0.000   0.698\n\n"
        "                                     Cell Contents\n"
        "                         Total number of ions in cell =    2\n"
        "                      Total number of species in cell =    2\n\n"
        "            xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n"
        "            x  Element    Atom        Fractional coordinates of atoms  x\n"
        "            x            Number           u          v          w      x\n"
        "            x----------------------------------------------------------x\n"
        "            x  O            1         0.000000   0.000000   0.000000   x\n"
        f"            x  H            1         0.000000   0.000000   {z / 9:.9f}   x\n"
        "            xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n\n"
        f"Final energy, E             =  {energy * Ha:.10f}     eV\n"
        f"Final free energy (E-TS)    =  {energy * Ha:.10f}     eV\n"
        f"NB est. 0K energy (E-0.5TS)      =  {energy * Ha:.10f}     eV\n\n"
        " ***************************** Symmetrised Forces ******************************\n"
        " *                                                                             *\n"
        " *                        Cartesian components (eV/A)                          *\n"
        " * --------------------------------------------------------------------------- *\n"
        " *                         x                    y                    z         *\n"
        " *                                                                             *\n"
        f" * O               1      0.0      0.0      {slope * Ha / Bohr:.10f} *\n"
        f" * H               1      0.0      0.0      {-slope * Ha / Bohr:.10f} *\n"
        " *                                                                             *\n"
        " *******************************************************************************\n\n"
    )


def test_castep_runs_one_after_the_other_and_a_killed_one(write) -> None:
    again = " BFGS: starting iteration         1 with trial guess (lambda=  1.000000)\n"
    ends = "\nFinalisation time   =      0.50 s\nTotal time          =      3.50 s\n"
    run = CASTEP + again.join(castep_step(*step) for step in STEPS)
    frames, lost = frames_of(write(run + ends + run + ends, "a.castep"))
    assert_steps(frames, STEPS + STEPS)
    assert not lost
    frames, lost = frames_of(write(run + ends + run[: run.rindex("Final energy")], "b.castep"))
    assert_steps(frames, STEPS + STEPS[:2])
    assert [one.frame for one in lost] == [5]
    with pytest.raises(InputError, match="holds no energy: the run ended before"):
        frames_of(write(run[: run.index("Final energy")], "c.castep"))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "a.res",
            "TITL a 0.0 100.0 -7.5 0 0 2 (P1) n - 1\nCELL 1.5 9.0 9.0 9.0 90 90 90\nLATT -1\n"
            "SFAC O H\nO 1 0.0 0.0 0.0 1.0\nH 2 0.0 0.0 {fraction} 1.0\nEND\n",
        ),
        (
            "a.gro",
            "step\n    2\n    1SOL      O    1   0.000   0.000   0.000\n"
            "    1SOL      H    2   0.000   0.000   {nm:.3f}\n   0.90000   0.90000   0.90000\n",
        ),
        ("a.gen", "2 C\n O H\n 1 1 0.0 0.0 0.0\n 2 2 0.0 0.0 {z}\n"),
        ("coord", "$coord\n 0.0 0.0 0.0 o\n 0.0 0.0 {bohr} h\n$end\n"),
    ],
)
def test_every_structure_of_formats_that_hold_one(write, name, text) -> None:
    lengths = (0.9, 1.8)
    whole = "".join(text.format(z=z, fraction=z / 9, nm=z / 10, bohr=z / Bohr) for z in lengths)
    frames, _ = frames_of(write(whole, name))
    np.testing.assert_allclose([frame.positions[1, 2] for frame in frames], lengths, rtol=1e-6)


POSCAR = "x\n1.0\n5 0 0\n0 5 0\n0 0 5\nCO\n2\nDirect\n0 0 0\n0.25 0.25 0.25\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (POSCAR[:-15], "ends after 1 of 2 atoms"),
        (POSCAR[:25], "ends after line"),
        (POSCAR.replace("CO\n", "Qq\n"), "'Qq' in line 6"),
        (
            POSCAR.replace("0.25 0.25 0.25", "0.25 x 0.25"),
            "line 10 should hold the place of atom 1",
        ),
        (POSCAR.replace("0 5 0", "0 5"), "line 4 should hold a lattice vector"),
        (POSCAR.replace("CO\n", ""), "names no elements"),
    ],
)
def test_a_poscar_is_refused_in_words_of_our_own(write, text, words) -> None:
    with pytest.raises(InputError, match=words):
        frames_of(write(text, "POSCAR"))


def test_symbols_in_capitals_are_elements(write) -> None:
    frames, _ = frames_of(write(POSCAR, "POSCAR"))
    assert frames[0].numbers.tolist() == [27, 27]  # cobalt, no carbon monoxide


ESPRESSO = """
     Program PWSCF v.6.5 starts on  1Jan2020 at  0: 0: 0
     lattice parameter (alat)  =      17.0075  a.u.
     number of atoms/cell      =            2
     number of atomic types    =            2
     celldm(1)=  17.007535  celldm(2)=   0.000000  celldm(3)=   0.000000
     crystal axes: (cart. coord. in units of alat)
               a(1) = (   1.000000   0.000000   0.000000 )
               a(2) = (   0.000000   1.000000   0.000000 )
               a(3) = (   0.000000   0.000000   1.000000 )

   Cartesian axes

     site n.     atom                  positions (alat units)
         1           O   tau(   1) = (   0.0000000   0.0000000   0.0000000  )
         2           H   tau(   2) = (   0.0000000   0.0000000   0.1111111  )

"""


def espresso_labels(energy, slope):
    return (
        f"!    total energy              =     {2 * energy:.8f} Ry\n\n"
        "     convergence has been achieved in   5 iterations\n\n"
        "     Forces acting on atoms (cartesian axes, Ry/au):\n\n"
        f"     atom    1 type  1   force =     0.00000000    0.00000000    {2 * slope:.8f}\n"
        f"     atom    2 type  2   force =     0.00000000    0.00000000    {-2 * slope:.8f}\n\n"
    )


def test_a_run_of_quantum_espresso_that_was_killed_in_a_step(write) -> None:
    text = ESPRESSO + espresso_labels(-75.1, 0.02)
    for z, energy, slope in STEPS[1:]:
        text += f"ATOMIC_POSITIONS (angstrom)\nO   0.0 0.0 0.0\nH   0.0 0.0 {z:.9f}\n\n"
        text += espresso_labels(energy, slope)
    for cut, n in (("     atom    2", 1), ("     convergence", 0), ("!    total", 1)):
        frames, lost = frames_of(write(text[: text.rindex(cut) + 5 * (n > 0)], "a.out"))
        assert [one.frame for one in lost] == [2] * n
        assert [frame.index for frame in frames] == list(range(3 - n))
    frames, _ = frames_of(write(text.replace("    0.02000000", "**************"), "b.out"))
    assert [np.isnan(frame.arrays["forces"]).sum() for frame in frames] == [0, 1, 0]


# ---- ASE's own files -----------------------------------------------------------------------------


def copper(n):
    made = []
    for i in range(n):
        atoms = Atoms("Cu2", positions=[[0, 0, 0], [0, 0, 2.5 + 0.1 * i]], cell=[8, 8, 8], pbc=True)
        atoms.calc = SinglePointCalculator(atoms, energy=-1.0 - i, forces=np.zeros((2, 3)))
        made.append(atoms)
    return made


def test_trajectories_one_after_the_other_in_one_file(tmp_path) -> None:
    ase.io.write(tmp_path / "a.traj", copper(3))
    one = (tmp_path / "a.traj").read_bytes()
    path = tmp_path / "both.traj"
    path.write_bytes(one + one[:-100])
    frames, lost = frames_of(path)
    assert [frame.info["energy"] for frame in frames] == [-1, -2, -3, -1, -2]
    assert [left.frame for left in lost] == [5]
    path.write_bytes(one[:100])
    with pytest.raises(InputError, match="damaged or ends early"):
        frames_of(path)


def test_atoms_that_may_move_along_some_axes_keep_their_mask_and_their_forces(tmp_path) -> None:
    (atoms,) = copper(1)
    atoms.calc.results["forces"] = np.full((2, 3), 0.3)
    atoms.set_constraint([FixAtoms([0]), FixCartesian([1], [True, False, False])])
    ase.io.write(tmp_path / "a.traj", atoms)
    (frame,), _ = frames_of(tmp_path / "a.traj")
    assert frame.arrays["move_mask"].tolist() == [[False] * 3, [False, True, True]]
    np.testing.assert_allclose(frame.arrays["forces"], 0.3)  # as stored, not as ASE gives them


def test_a_database_under_any_name_and_json_with_a_mark_of_byte_order(
    tmp_path, monkeypatch
) -> None:
    (tmp_path / "own").mkdir()
    monkeypatch.chdir(tmp_path / "own")  # databases are copied into the folder of the process
    ase.io.write(tmp_path / "a.db", copper(2))
    (tmp_path / "a.db").rename(tmp_path / "a.dat")
    assert len(frames_of(tmp_path / "a.dat")[0]) == 2
    ase.io.write(tmp_path / "a.json", copper(2))
    text = (tmp_path / "a.json").read_text()
    (tmp_path / "a.json").write_text(text, encoding="utf-8-sig")
    assert len(frames_of(tmp_path / "a.json")[0]) == 2


@pytest.mark.parametrize("name", ["a.out", "a.log", "a.dat"])
def test_an_ending_is_no_format(write, name) -> None:
    with pytest.raises(InputError, match="does not know its format"):
        frames_of(write("some words of a queue\nand more\n", name))
    with pytest.raises(InputError, match="UTF-16"):
        frames_of(write("Program PWSCF\n".encode("utf-16"), name))
