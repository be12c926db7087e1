"""VASP as it really occurs, and outputs of other codes: steps, energies, signs, convergence."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from ase.units import GPa
from numpy.testing import assert_allclose, assert_array_equal

from analytics.data.file_formats.registry import FILE_FORMATS
from analytics.data.file_formats.vasp import open_output
from analytics.data.frames import Frame, LeftOut
from analytics.data.readers import read
from analytics.runtime.errors import InputError
from analytics.runtime.progress import SILENT

RULE = " " + "-" * 83
DASHES = "-" * 39


def steps(path: Path) -> list[Frame | LeftOut]:
    """Read a file or folder in this process, by the format that recognises it."""
    head = b""
    if path.is_file():
        with open_output(path) as file:
            head = file.read(1 << 16)
    name = next(n for n in FILE_FORMATS if FILE_FORMATS[n].recognise(path, head))
    return list(FILE_FORMATS[name].read(path, SILENT))


def frames(path: Path) -> list[Frame]:
    return [one for one in steps(path) if isinstance(one, Frame)]


def left_out(path: Path) -> list[LeftOut]:
    return [one for one in steps(path) if isinstance(one, LeftOut)]


# ---- OUTCAR -----------------------------------------------------------------------------------

#: Positions and forces of the made-up water molecule, angstrom and eV/angstrom.
WATER = np.array([[0.0, 0.0, 0.0], [0.75, -0.5, 0.125], [-0.75, 0.5, -100.25]])
PULL = np.array([[1.5, -2.25, 0.5], [-1.0, 2.0, -123.456789], [-0.5, 0.25, 122.956789]])


def header(
    *,
    titles: tuple[str, ...] = ("PAW_PBE O 08Apr2002", "PAW_PBE H 15Jun2001"),
    per_type: str = "   1   2",
    n_ions: int = 3,
    described: bool = True,
    **settings: int,
) -> str:
    """Return the top of an OUTCAR as VASP 6 writes it, in short."""
    lines = [" vasp.6.3.0 20Jan22 (build Apr 09 2022 18:33:31) complex", " INCAR:", ""]
    lines += [f" POTCAR:    {title}   " for title in titles]
    for title in titles:
        lines.append(f" POTCAR:    {title}   ")
        if described:
            element = title.split()[1].split("_")[0]
            lines += [f"   VRHFIN ={element}: s2p4", f"   TITEL  = {title}   "]
    lines += [
        f"   number of dos      NEDOS =    301   number of ions     NIONS = {n_ions:6d}",
        f"   ions per type =            {per_type}",
        f"   NWRITE = {settings.get('NWRITE', 2):6d}    write-flag & timer",
        f"   ISPIN  = {settings.get('ISPIN', 1):6d}    spin polarized calculation?",
        f"   NELM   = {settings.get('NELM', 60):6d};   NELMIN=  2; NELMDL= -5     # of ELM steps",
        f"   ISIF   = {settings.get('ISIF', 2):6d}    stress and relaxation",
    ]
    return "\n".join(lines) + "\n"


def lattice(edge: float = 10.0) -> str:
    return (
        "  volume of cell :     1000.00\n"
        "      direct lattice vectors                 reciprocal lattice vectors\n"
        f"    {edge:12.9f}  0.000000000  0.000000000     0.100000000  0.000000000  0.000000000\n"
        "    -1.500000000 11.000000000-10.250000000     0.000000000  0.100000000  0.000000000\n"
        "     0.000000000  0.000000000 12.000000000     0.000000000  0.000000000  0.100000000\n"
    )


def table(positions=WATER, forces=PULL, suffix: str = "", beyond: str = "") -> str:
    rows = "".join(
        "".join([*(f"{x:13.5f}" for x in p), "   ", *(f"{x:14.6f}" for x in f)]) + beyond + "\n"
        for p, f in zip(positions, forces, strict=True)
    )
    return f" POSITION             TOTAL-FORCE (eV/Angst){suffix}\n{RULE}\n{rows}{RULE}\n"


def energies(toten: float = -12.5, entropy: float = 0.25) -> str:
    return (
        "  FREE ENERGIE OF THE ION-ELECTRON SYSTEM (eV)\n"
        f"  free  energy   TOTEN  =   {toten:18.8f} eV\n\n"
        f"  energy  without entropy=  {toten + entropy:18.8f}"
        f"  energy(sigma->0) =  {toten + entropy / 2:18.8f}\n"
    )


def rounds(step: int, count: int = 3, end: str = "because EDIFF is reached") -> str:
    text = "".join(
        f"\n{DASHES} Iteration {step:6d}({i:4d})  {DASHES}\n\n"
        "  free energy    TOTEN  =        99.00000000 eV\n"
        "  energy without entropy =       99.00000000  energy(sigma->0) =       99.00000000\n"
        for i in range(1, count + 1)
    )
    return text + (f"\n{DASHES[:24]} aborting loop {end} {DASHES}\n" if end else "")


STRESS = (
    "  FORCE on cell =-STRESS in cart. coord.  units (eV):\n"
    "  Total      -0.16576    -0.16480    -0.16412    -0.00035     0.00000    -0.00019\n"
    "  in kB      10.00000    20.00000    30.00000     4.00000     5.00000     6.00000\n"
    "  external pressure =       20.00 kB  Pullay stress =        0.00 kB\n"
)


def step(number: int = 1, **rest) -> str:
    return rounds(number, **rest) + STRESS + lattice() + table() + energies()


def test_numbers_of_an_outcar(write) -> None:
    (frame,) = frames(write(header() + step(), "OUTCAR"))
    assert_array_equal(frame.numbers, [8, 1, 1])
    assert_array_equal(frame.positions, WATER)  # also where no blank is left before a minus
    assert_array_equal(frame.arrays["forces"], PULL)
    assert_array_equal(frame.cell, [[10, 0, 0], [-1.5, 11, -10.25], [0, 0, 12]])
    assert frame.pbc.all()
    # energy(sigma->0) is the energy, as ASE has it, and TOTEN is kept
    assert frame.info["energy"] == -12.375
    assert frame.info["free_energy"] == -12.5
    assert frame.info["energy_without_entropy"] == -12.25
    assert any("sigma->0" in note for note in frame.notes)
    # "FORCE on cell = -STRESS" in kbar: pressure is positive there and negative here
    assert_allclose(
        frame.info["stress"] / (-0.1 * GPa), [[10, 4, 6], [4, 20, 5], [6, 5, 30]], rtol=1e-12
    )
    assert not frame.units  # those of a data set, as in every fixed format


@pytest.mark.parametrize(
    ("count", "end", "converged"),
    [
        (3, "because EDIFF is reached", True),
        (5, "because EDIFF is reached", False),  # VASP 5 says so whatever ended it
        (5, "", False),
        (5, "EDIFF was not reached (unconverged)", False),  # VASP 6 does
        (3, "because hard stop was set", False),
        (3, "", None),
    ],
)
def test_convergence_of_each_ionic_step(write, count, end, converged) -> None:
    text = header(NELM=5) + step(1) + step(2, count=count, end=end) + step(3)
    found = [frame.info.get("scf_converged") for frame in frames(write(text, "OUTCAR"))]
    assert found == [True, converged, True]


@pytest.mark.parametrize(
    ("changes", "converged"),
    [
        (":-0.9000000E-04  ( 0.1000000E-04)", True),
        (":-0.1100000E-03  ( 0.1000000E-04)", False),
        (": 0.9000000E-04  (-0.1100000E-03)", False),
    ],
)
def test_the_last_round_that_nelm_allows(write, changes, converged) -> None:
    """VASP 5.4 writes that EDIFF is reached after NELM rounds in any case."""
    text = "   EDIFF  = 0.1E-03   stopping-criterion for ELM\n" + step(1, count=5)
    mark = "free energy    TOTEN"
    text = text.replace(mark, f"total energy-change (2. order) {changes}\n  {mark}")
    (frame,) = frames(write(header(NELM=5) + text, "OUTCAR"))
    assert frame.info["scf_converged"] is converged


def test_a_run_that_did_not_end_between_two_steps(write) -> None:
    text = header() + step(1) + step(2)
    notes = [frame.notes[1:] for frame in frames(write(text, "OUTCAR"))]
    assert notes == [(), ("the run did not end: its OUTCAR has no timing",)]
    text += "\n General timing and accounting informations for this job:\n"
    assert [frame.notes[1:] for frame in frames(write(text, "OUTCAR"))] == [(), ()]


def test_machine_learned_steps_are_left_out_and_counted(write) -> None:
    def learned(shift: float) -> str:
        return (
            lattice(30.0) + table(WATER + shift, 0 * PULL, " (ML)")
            + "  free  energy ML TOTEN  =        -1.00000000 eV\n\n"
            "  ML energy  without entropy=   -1.00000000  ML energy(sigma->0) =   -1.00000000\n"
        )  # fmt: skip

    # VASP predicts, and where it does not trust the prediction calculates the same positions
    text = header() + learned(0) + step(1) + learned(1) + learned(2) + learned(0) + step(2)
    found = steps(write(text + learned(3), "OUTCAR"))
    kinds = ["frame" if isinstance(one, Frame) else "left out" for one in found]
    assert kinds == ["frame", "left out", "left out", "frame", "left out"]
    assert all("machine-learned" in one.cause for one in found if isinstance(one, LeftOut))
    one = found[3]
    assert isinstance(one, Frame)
    assert (one.index, one.info["energy"], one.cell[0, 0]) == (3, -12.375, 10.0)


def test_dispersion_printed_beside_energies_and_forces(write) -> None:
    text = (
        header() + rounds(1) + lattice()
        + table(suffix=",                                   FORCE-w/o vdW (eV/Angst)",
                beyond="       -0.056448           NaN      0.296892")
        + "  free  energy   TOTEN  =       -33.36815582 eV    w/o vdW =       -30.00000000 eV\n\n"
        "  energy  without entropy=      -33.36876999 eV    w/o vdW =       -30.00000000  "
        "energy(sigma->0) =      -33.36836054 eV    w/o vdW =       -30.00000000\n"
    )  # fmt: skip
    (frame,) = frames(write(text, "OUTCAR"))
    assert frame.info["energy"] == -33.36836054
    assert frame.info["free_energy"] == -33.36815582
    assert_array_equal(frame.arrays["forces"], PULL)


def test_little_is_printed_with_nwrite_0(write) -> None:
    """Potentials by their title only, and forces of the first and the last step."""
    text = (
        header(titles=("PAW_PBE O_s 08Apr2002", "PAW_PBE H1.25"), described=False, NWRITE=0)
        + step(1) + rounds(2) + energies() + step(3)
    )  # fmt: skip
    path = write(text, "OUTCAR")
    assert [frame.index for frame in frames(path)] == [0, 2]
    assert_array_equal(frames(path)[0].numbers, [8, 1, 1])
    (missing,) = left_out(path)
    assert missing.frame == 1
    assert "NWRITE = 0" in missing.cause


TYPES = [
    (("PAW_PBE O 08Apr2002", "PAW_PBE H 15Jun2001", "PAW_PBE Cu 1"), "   1   2", 3, [8, 1, 1]),
    (("PAW_PBE O 08Apr2002", "PAW_PBE H 15Jun2001", "PAW_PBE O 1"), "   1   1   1", 3, [8, 1, 8]),
    (("PAW_PBE Zr_sv 04Jan2005",), "   3", 3, [40, 40, 40]),
    (("US H.5", "PAW_GGA Yb_2 1"), "   1   2", 3, [1, 70, 70]),
]


@pytest.mark.parametrize("described", [True, False])
@pytest.mark.parametrize(("titles", "per_type", "n", "numbers"), TYPES)
def test_elements_of_potentials(write, titles, per_type, n, numbers, described) -> None:
    text = header(titles=titles, per_type=per_type, n_ions=n, described=described) + step()
    (frame,) = frames(write(text, "OUTCAR"))
    assert_array_equal(frame.numbers, numbers)
    assert any("potentials" in note for note in frame.notes) == (len(titles) > len(per_type) // 4)


def test_types_without_an_element_are_asked_for(write) -> None:
    text = header(titles=("PAW_PBE Q_sv 1", "PAW_PBE H 15Jun2001")) + step()
    (frame,) = frames(write(text, "OUTCAR"))
    assert frame.types == ("type1", "type2", "type2")
    assert not frame.numbers.any()


def test_ions_of_the_first_ten_types_only(write, tmp_path) -> None:
    path = write(header(per_type="   1", n_ions=3) + step(), "OUTCAR")
    with pytest.raises(InputError, match="put its POSCAR beside it"):
        steps(path)
    poscar = "x\n1.0\n10 0 0\n0 10 0\n0 0 10\nO H\n1 2\nSelective dynamics\nDirect\n"
    write(poscar + "0 0 0 F F F\n0 0 .1 T T T\n0 .1 0 T T F\n", "POSCAR")
    (frame,) = frames(path)
    assert_array_equal(frame.numbers, [8, 1, 1])


def test_counts_that_touch(write) -> None:
    from analytics.data.file_formats.outcar import counts_of

    assert counts_of(b"               12001000   4", 2204) == [1200, 1000, 4]
    assert counts_of(b"               3   5", 8) == [3, 5]
    assert counts_of(b"               3   5", 0) == [3, 5]
    assert counts_of(b"               ****", 12000) == [12000]
    assert counts_of(b"               3   5", 9) is None


def test_selective_dynamics_beside_an_outcar(write) -> None:
    poscar = "x\n1.0\n10 0 0\n0 10 0\n0 0 10\nO H\n1 2\nSelective dynamics\nDirect\n"
    write(poscar + "0 0 0 F F F\n0 0 .1 T T T\n0 .1 0 T T F\n", "POSCAR")
    (frame,) = frames(write(header() + step(), "OUTCAR"))
    assert_array_equal(frame.arrays["move_mask"], [[0, 0, 0], [1, 1, 1], [1, 1, 0]])
    (frame,) = frames(write(header() + step(), "run7_OUTCAR"))  # another's, maybe
    assert "move_mask" not in frame.arrays


def test_spin(write) -> None:
    moments = "".join(
        f"\n magnetization ({axis})\n \n# of ion       s       p       d       tot\n{'-' * 42}\n"
        + "".join(
            f"    {i + 1}       -0.006  -0.011   0.010   {m:.3f}\n" for i, m in enumerate(each)
        )
        + f"{'-' * 50}\ntot          0.1  0.1  0.1  {sum(each):.3f}\n"
        for axis, each in (("x", (1, 0, -2.5)), ("y", (0, 0.5, 0)), ("z", (0, 0, 3)))
    )
    total = " number of electron       8.0000000 magnetization       -1.5000000\n"
    one_axis = moments.partition("\n magnetization (y)")[0]
    text = rounds(1) + total + one_axis + lattice() + table() + energies()
    (frame,) = frames(write(header(ISPIN=2) + text, "OUTCAR"))
    assert frame.info["magmom"] == -1.5
    assert_array_equal(frame.arrays["magmoms"], [1.0, 0.0, -2.5])
    text = rounds(1) + moments + lattice() + table() + energies()
    (frame,) = frames(write(header() + text, "OUTCAR"))
    assert_array_equal(frame.arrays["magmoms"], [[1, 0, 0], [0, 0.5, 0], [-2.5, 0, 3]])
    (frame,) = frames(write(header() + step(), "OUTCAR"))
    assert "magmom" not in frame.info


@pytest.mark.parametrize(("isif", "there"), [(0, False), (1, False), (2, True), (3, True)])
def test_stress_only_where_all_of_it_is_calculated(write, isif, there) -> None:
    (frame,) = frames(write(header(ISIF=isif) + step(), "OUTCAR"))
    assert ("stress" in frame.info) == there


def test_an_outcar_that_ends_early(write) -> None:
    whole = header() + step(1) + step(2) + step(3)
    last = whole.rindex("Iteration      3(   1)")
    for cut in range(last + 30, len(whole) - 5, 61):
        found = steps(write(whole[:cut], "OUTCAR"))
        assert [isinstance(one, Frame) for one in found] == [True, True, False], cut
        assert isinstance(found[2], LeftOut)
        assert found[2].frame == 2
        assert "ends within this step" in found[2].cause
    assert len(frames(write(whole, "OUTCAR"))) == 3


def test_stars_leave_out_what_they_stand_for(write) -> None:
    text = step(2)
    damaged = {
        "forces": text.replace("   -123.456789", "**************"),
        "energy": text.replace("     -12.50000000", "*****************"),
        "frame": text.replace("-100.25000", "**********"),
    }
    for part, middle in damaged.items():
        assert middle != text
        path = write(header() + step(1) + middle + step(3), "OUTCAR")
        (missing,) = left_out(path)
        assert (missing.frame, missing.part) == (1, part)
        kept = {frame.index: frame for frame in frames(path)}
        assert set(kept) == ({0, 2} if part == "frame" else {0, 1, 2})
        if part == "forces":
            assert kept[1].info["energy"] == -12.375
            assert "forces" not in kept[1].arrays
        if part == "energy":
            assert "energy" not in kept[1].info
            assert_array_equal(kept[1].arrays["forces"], PULL)


def test_linear_response_and_joined_files(write) -> None:
    text = header() + step(1) + rounds(1)  # the response of the step is worked out after it
    assert len(steps(write(text, "OUTCAR"))) == 1
    copper = header(titles=("PAW_PBE Cu 1",), per_type="   3") + step(1)
    found = frames(write(text + copper, "OUTCAR"))
    assert [frame.numbers[0] for frame in found] == [8, 29]
    assert [frame.index for frame in found] == [0, 1]


# ---- vasprun.xml ------------------------------------------------------------------------------


def vectors(name: str, rows, kind: str = "") -> str:
    lines = "".join("<v> " + " ".join(map(str, row)) + " </v>\n" for row in rows)
    return f'<varray name="{name}" {kind}>\n{lines}</varray>\n'


def round_of(free: float, sigma0: float | None = None) -> str:
    values = (("e_fr_energy", free), ("e_wo_entrp", free), ("e_0_energy", sigma0 or free))
    inner = "".join(f'<i name="{name}"> {value:.8f} </i>' for name, value in values)
    return f"<scstep><time>1 1</time><energy>{inner}</energy></scstep>\n"


SCALED = [[0.0, 0.0, 0.0], [0.5, 0.25, 0.125], [0.75, 0.5, 0.25]]
BASIS = [[4.0, 0.0, 0.0], [1.0, 5.0, 0.0], [0.0, 0.0, 6.0]]


def structure(name: str = "", positions=SCALED, extra: str = "") -> str:
    named = f'name="{name}"' if name else ""
    basis = vectors("basis", BASIS)
    inside = f"<crystal>{basis}</crystal>{vectors('positions', positions)}{extra}"
    return f"<structure {named}>{inside}</structure>\n"


def calculation(energies=(-5.0, -10.0), final: float = -10.0, forces=PULL, rounds_more=()) -> str:
    each = "".join(round_of(value) for value in energies[:-1]) + round_of(energies[-1], -9.5)
    stress = vectors("stress", [[10, 4, 6], [4, 20, 5], [6, 5, 30]])
    # VASP's own bug: e_0_energy at the end of a step is no energy for sigma -> 0
    end = f'<energy><i name="e_fr_energy">{final:.8f}</i><i name="e_0_energy">0.001</i></energy>'
    return (
        f"<calculation>{each}{structure()}{vectors('forces', forces)}{stress}{end}"
        "<eigenvalues><array><set><r> 1 2 </r></set></array></eigenvalues></calculation>\n"
    )


def vasprun(*parts: str, symbols=("O ", "H ", "H "), first: str = "", **settings: object) -> str:
    """Return a vasprun.xml, in short."""
    given = {"NELM": 4, "EDIFF": 1e-4, "ISIF": 2, "PSTRESS": 0.0, **settings}
    inside = "".join(f'<i name="{name}"> {value} </i>' for name, value in given.items())
    rows = "".join(
        f"<rc><c>{symbol}</c><c> {1 + (i > 0)} </c></rc>" for i, symbol in enumerate(symbols)
    )
    kinds = "".join(
        f"<rc><c>1</c><c>{name[:2]}</c><c>1.0</c><c>6.0</c><c> PAW_PBE {name} 1 </c></rc>"
        for name in ("O", "Zr_sv")
    )
    return (
        '<?xml version="1.0" encoding="ISO-8859-1"?>\n<modeling>\n'
        f"<incar></incar><parameters><separator>{inside}</separator>"
        '<separator><i name="NELM"> 1 </i></separator></parameters>\n'
        f'<atominfo><array name="atoms"><set>{rows}</set></array>'
        f'<array name="atomtypes"><set>{kinds}</set></array></atominfo>\n'
        + structure("primitive_cell") + structure("initialpos", extra=first)
        + "".join(parts) + structure("finalpos") + "</modeling>\n"
    )  # fmt: skip


def test_numbers_of_a_vasprun(write) -> None:
    (frame,) = frames(write(vasprun(calculation(final=-11.0)), "vasprun.xml"))
    assert_array_equal(frame.numbers, [8, 1, 1])
    assert_allclose(frame.positions[1], [0.5 * 4 + 0.25, 0.25 * 5, 0.125 * 6], rtol=1e-12)
    assert_array_equal(frame.cell, BASIS)
    assert_array_equal(frame.arrays["forces"], PULL)
    # the free energy of the step (with dispersion) and the entropy of its last round
    assert frame.info["free_energy"] == -11.0
    assert_allclose(frame.info["energy"], -10.5, rtol=1e-12)
    assert_allclose(
        frame.info["stress"] / (-0.1 * GPa), [[10, 4, 6], [4, 20, 5], [6, 5, 30]], rtol=1e-12
    )


def test_external_pressure_is_no_part_of_the_energy(write) -> None:
    (frame,) = frames(write(vasprun(calculation(), PSTRESS=100.0), "vasprun.xml"))
    work = 10 * GPa * 4 * 5 * 6
    assert_allclose(frame.info["free_energy"], -10.0 - work, rtol=1e-12)


def test_linear_response_in_a_vasprun(write) -> None:
    """Its rounds follow the structure, and are no rounds of the electronic loop of the step."""
    response = "".join(round_of(-50.0 - i, -40.0) for i in range(9))
    text = vasprun(calculation().replace("</calculation>", f"{response}</calculation>"))
    (frame,) = frames(write(text, "vasprun.xml"))
    assert frame.info["energy"] == -9.5
    assert frame.info["scf_converged"] is True


@pytest.mark.parametrize(
    ("energies", "converged"),
    [
        ((-5.0, -10.0), True),
        ((-1.0, -5.0, -9.0, -10.0), False),
        ((-1.0, -9.0, -9.99999, -10.0), True),  # as many rounds as there may be, and close enough
    ],
)
def test_convergence_in_a_vasprun(write, energies, converged) -> None:
    path = write(vasprun(calculation(), calculation(energies)), "vasprun.xml")
    assert [frame.info["scf_converged"] for frame in frames(path)] == [True, converged]


def test_machine_learned_steps_of_a_vasprun(write) -> None:
    def learned(shift: float) -> str:
        return structure("", np.array(SCALED) + shift) + vectors("forces", PULL)

    text = vasprun(
        *(learned(0), calculation(), learned(0.1), learned(0.2), calculation(), learned(0)),
        ML_LMLFF="T",
    )
    found = steps(write(text, "vasprun.xml"))
    assert [isinstance(one, Frame) for one in found] == [True, False, False, True, False]
    inside = calculation().replace("<scstep>", "<other>").replace("</scstep>", "</other>")
    found = steps(write(vasprun(calculation(), inside, ML_LMLFF="T"), "vasprun.xml"))
    assert [isinstance(one, Frame) for one in found] == [True, False]


def test_a_vasprun_that_ends_early(write) -> None:
    whole = vasprun(calculation(), calculation(), calculation())
    last = whole.rindex("<calculation>")
    for cut in range(last + 13, whole.rindex("</calculation>") + 14, 149):
        found = steps(write(whole[:cut], "vasprun.xml"))
        assert [isinstance(one, Frame) for one in found] == [True, True, False], cut
        assert isinstance(found[2], LeftOut)
        assert "ends within this step" in found[2].cause
    damaged = whole[:last] + whole[last:].replace("</scstep>", "</stop>", 1)
    found = steps(write(damaged, "vasprun.xml"))
    assert isinstance(found[2], LeftOut)
    assert "no valid XML from line" in found[2].cause


def test_entities_are_refused(write) -> None:
    text = vasprun(calculation())
    bomb = text.replace(
        "<modeling>", '<!DOCTYPE modeling [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>\n<modeling>', 1
    )
    with pytest.raises(InputError, match="declares a document type"):
        steps(write(bomb, "vasprun.xml"))
    assert len(frames(write(text.replace("<modeling>", "<!-- a --><modeling>", 1), "v.xml"))) == 1


def test_elements_and_mask_of_a_vasprun(write) -> None:
    mask = vectors(
        "selective", [("F", "F", "F"), ("T", "T", "T"), ("T", "T", "T")], 'type="logical"'
    )
    path = write(vasprun(calculation(), symbols=("O ", "r ", "r "), first=mask), "v.xml")
    (frame,) = frames(path)
    assert_array_equal(frame.numbers, [8, 40, 40])  # VASP cuts the symbol of zirconium
    assert_array_equal(frame.arrays["move_mask"], [False, True, True])
    stars = PULL.tolist()
    stars[1][2] = "**********"
    found = steps(write(vasprun(calculation(forces=stars)), "vasprun.xml"))
    assert isinstance(found[0], LeftOut)
    assert found[0].part == "forces"
    assert isinstance(found[1], Frame)
    assert "forces" not in found[1].arrays


# ---- ML_AB ------------------------------------------------------------------------------------


def section(title: str, *rows: str, rule: str = "=") -> str:
    return "\n".join([rule * 50, f"     {title}", "-" * 50, *(f"  {row}" for row in rows), ""])


def configuration(number: int, elements=("O 1", "H 2"), energy="-12.5", stress="10 20 30") -> str:
    return (
        f"{'*' * 50}\n     Configuration num. {number:6d}\n"
        + section("System name", "water  at 300 K")
        + section("The number of atom types", str(len(elements)))
        + section("The number of atoms", "3")
        + section("Atom types and atom numbers", *elements, rule="*")
        + section("CTIFOR", "0.002")
        + section("Primitive lattice vectors (ang.)", "10 0 0", "-1.5 11 0", "0 0 12")
        + section("Atomic positions (ang.)", *(" ".join(map(str, row)) for row in WATER))
        + section("Total energy (eV)", energy)
        + section("Forces (eV ang.^-1)", *(" ".join(map(str, row)) for row in PULL))
        + section("Stress (kbar)", "XX YY ZZ")
        + f"{'-' * 50}\n {stress}\n{'-' * 50}\n XY YZ ZX\n{'-' * 50}\n {stress[:1]} 5 6\n"
    )


ML_AB = " 1.0 Version\n" + section("The number of configurations", "2", rule="*")


def test_numbers_of_an_ml_ab(write) -> None:
    text = ML_AB + configuration(1) + configuration(2, elements=("H 2", "Zr 1"), energy="****")
    found = steps(write(text, "ML_ABN"))
    first, missing, second = found
    assert isinstance(first, Frame)
    assert_array_equal(first.numbers, [8, 1, 1])
    assert_array_equal(first.positions, WATER)
    assert_array_equal(first.cell, [[10, 0, 0], [-1.5, 11, 0], [0, 0, 12]])
    assert_array_equal(first.arrays["forces"], PULL)
    assert first.info["energy"] == -12.5
    assert first.info["config_type"] == "water  at 300 K"
    assert_allclose(
        first.info["stress"] / (-0.1 * GPa), [[10, 1, 6], [1, 20, 5], [6, 5, 30]], rtol=1e-12
    )
    assert isinstance(missing, LeftOut)
    assert (missing.frame, missing.part) == (1, "energy")
    assert isinstance(second, Frame)
    assert_array_equal(second.numbers, [1, 1, 40])
    cut = text[: text.rindex("Forces (eV") - 200]
    last = steps(write(cut, "ML_AB"))[-1]
    assert isinstance(last, LeftOut)
    assert last.frame == 1


def test_an_ml_ab_that_contradicts_itself(write) -> None:
    text = ML_AB + configuration(1, elements=("O 2", "H 2")) + configuration(2)
    (missing, frame) = steps(write(text, "ML_AB"))
    assert isinstance(missing, LeftOut)
    assert "announces 2 O, 2 H and lists 3 atoms" in missing.cause
    assert isinstance(frame, Frame)
    zeros = configuration(1).replace("10 20 30\n", "0 0 0\n").replace("1 5 6", "0 0 0")
    (missing, frame) = steps(write(ML_AB + zeros, "ML_AB"))
    assert isinstance(missing, LeftOut)
    assert missing.part == "stress"
    assert isinstance(frame, Frame)
    assert "stress" not in frame.info


def test_published_ml_ab(real_data) -> None:
    """It announces 48 atoms, and lists 41 in another order: six O are around atom 39, its Y."""
    found = left_out(real_data / "public" / "bzoyh_ML_AB.gz")
    assert [one.frame for one in found] == list(range(134))
    said = "announces 8 Ba, 7 Zr, 8 Y, 24 O, 1 H and lists 41 atoms"
    assert all(said in one.cause for one in found)


# ---- XDATCAR ----------------------------------------------------------------------------------

XDATCAR_HEADER = """water in a box
           2.0
     5.000000    0.000000    0.000000
     1.000000    6.000000    0.000000
     0.000000    0.000000    7.000000
   O    H
     1     2
"""


def xdatcar_step(number: int, rows=SCALED) -> str:
    lines = "".join("   " + "  ".join(f"{x:.8f}" for x in row) + "\n" for row in rows)
    return f"Direct configuration={number:6d}\n{lines}"


def test_positions_of_an_xdatcar(write) -> None:
    import ase.io

    larger = XDATCAR_HEADER.replace("2.0", "3.0")  # repeated where the cell changes
    text = XDATCAR_HEADER + xdatcar_step(1) + larger + xdatcar_step(2)
    path = write(text, "XDATCAR")
    first, second = frames(path)
    assert_array_equal(first.numbers, [8, 1, 1])
    assert_allclose(first.cell, [[10, 0, 0], [2, 12, 0], [0, 0, 14]], rtol=1e-12)
    assert_allclose(first.positions[1], [0.5 * 10 + 0.25 * 2, 0.25 * 12, 0.125 * 14], rtol=1e-12)
    assert_allclose(second.cell, np.array([[15, 0, 0], [3, 18, 0], [0, 0, 21]]), rtol=1e-12)
    images = ase.io.read(path, ":", format="vasp-xdatcar")
    for frame, atoms in zip((first, second), images, strict=True):
        assert_allclose(frame.positions, atoms.positions, rtol=1e-9)
    frame, cut = steps(write(text[:-20], "run5"))  # by content, and cut short
    assert isinstance(frame, Frame)
    assert not frame.info
    assert isinstance(cut, LeftOut)
    assert cut.frame == 1


def test_an_xdatcar_of_vasp_4_names_no_elements(write) -> None:
    header = XDATCAR_HEADER.replace("   O    H\n", "")
    (frame,) = frames(write(header + xdatcar_step(1), "XDATCAR"))
    assert frame.types == ("type1", "type2", "type2")
    assert_allclose(frame.cell[0], [10, 0, 0])


# ---- CP2K ----------------------------------------------------------------------------------------


def cp2k(steps=(0, 1, 2), rows=WATER, energy=-17.25) -> str:
    atoms = "".join(
        f"  {symbol} " + " ".join(f"{x:.10f}" for x in row) + "\n"
        for symbol, row in zip("OHH", rows, strict=True)
    )
    return "".join(
        f"       3\n i = {i:8d}, time = {i / 2:12.3f}, E = {energy + i:20.10f}\n{atoms}"
        for i in steps
    )


CELLS = "#   Step   Time [fs]       Ax [Angstrom]  and so on\n" + "".join(
    f"  {i}  {i / 2:.3f}  1{i}.0 0.0 0.0  -1.5 11.0 0.0  0.0 0.0 12.0   1320.0\n" for i in range(3)
)


def test_positions_forces_and_cells_of_cp2k(write) -> None:
    path = write(cp2k(), "w-pos-1.xyz")
    write(cp2k(rows=PULL), "w-frc-1.xyz")
    write(CELLS, "w-1.cell")
    dataset = read(path)
    assert_allclose(dataset.energies, np.array([-17.25, -16.25, -15.25]) * 27.2113860, rtol=1e-7)
    # one hartree/bohr is 51.42206707 eV/angstrom (CODATA 2014)
    assert_allclose(dataset.forces, np.tile(PULL, (3, 1)) * 51.4220671, rtol=1e-7)
    assert_array_equal(dataset.positions, np.tile(WATER, (3, 1)))
    assert_array_equal(dataset.cells[2], [[12, 0, 0], [-1.5, 11, 0], [0, 0, 12]])
    assert dataset.pbc.all()
    assert read(f"{path}@1").energies == dataset.energies[1]


def test_what_is_missing_beside_a_trajectory_of_cp2k(write) -> None:
    path = write(cp2k(), "w-pos-1.xyz")
    dataset = read(path)
    assert dataset.forces is None
    assert not dataset.pbc.any()
    write(cp2k((0, 2), rows=PULL), "w-frc-1.xyz")
    restart = " &GLOBAL\n RUN_TYPE  MD\n &END\n ENSEMBLE  NVT\n &CELL\n   A  10.0 0.0 0.0\n"
    write(
        restart + "   B  0 11 0\n   C  0 0 1.2E+01\n   PERIODIC  XYZ\n &END CELL\n", "w-1.restart"
    )
    dataset = read(path)
    assert [(one.frame, one.part) for one in dataset.understood.left_out] == [(1, "forces")]
    assert dataset.forces is not None
    assert_array_equal(np.isnan(dataset.forces).all(axis=1), [False] * 3 + [True] * 3 + [False] * 3)
    assert_array_equal(dataset.cells[1], np.diag([10, 11, 12]))
    write(
        restart.replace("NVT", "NPT_I") + "   B  0 11 0\n   C  0 0 12\n &END CELL\n", "w-1.restart"
    )
    assert not read(path).pbc.any()


def test_forces_of_cp2k_are_no_positions(write) -> None:
    path = write(cp2k(rows=PULL), "w-frc-1.xyz")
    with pytest.raises(InputError, match=r"holds forces of CP2K .*; open w-pos-1.xyz"):
        read(path)


def test_energies_of_cp2k_under_any_name(write) -> None:
    relaxation = cp2k().replace(", time =        0.000", "").replace(", time =        0.500", "")
    dataset = read(write(relaxation, "relaxed.xyz"))
    assert_allclose(dataset.energies[:2], np.array([-17.25, -16.25]) * 27.2113860, rtol=1e-7)
    joined = write(cp2k() + "1\nenergy=-3.5 source=other\nH 0 0 0\n", "joined.xyz")
    assert read(joined).n_structures == 4


def test_a_trajectory_of_cp2k_that_was_damaged(write) -> None:
    whole = cp2k()
    third = whole.rindex("       3\n")
    path = write(whole[: third + 120], "w-pos-1.xyz")
    dataset = read(path)
    assert list(dataset.frame_indices) == [0, 1]
    assert [one.frame for one in dataset.understood.left_out] == [2]
    assert read(f"{path}@-2").energies == dataset.energies[1]
    starred = whole.replace("-16.2500000000", "**************").replace(
        "-100.2500000000", "*" * 15, 1
    )
    left = read(write(starred, "w-pos-1.xyz")).understood.left_out
    assert [(one.frame, one.part) for one in left] == [(0, "frame"), (1, "energy")]


# ---- folders of runs ---------------------------------------------------------------------------


def test_runs_in_a_folder(tmp_path) -> None:
    def put(name: str, content: str | bytes) -> None:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    put("b/OUTCAR", header() + step(1) + rounds(2))
    put("b/vasprun.xml", vasprun(calculation()))  # of the same run
    put("a/vasprun.xml.gz", gzip.compress(vasprun(calculation(), calculation()).encode()))
    put("c/OUTCAR.1", header() + step(1))
    put("c/OUTCAR.2.gz", gzip.compress((header() + step(1)).encode()))
    put("c/POSCAR", "x")
    put("d/OUTCAR", "no such thing")
    put("e/OUTCAR", header(per_type="  1") + step(1))
    put("f/deep/OUTCAR", header() + step(1))  # two levels down
    put("g/w-pos-1.xyz", cp2k((0,)))
    put("g/w-frc-1.xyz", cp2k((0,), rows=PULL))
    put("h/ML_AB", ML_AB + configuration(1))
    put("i/OUTCAR", header(per_type="  1") + step(1))  # more than ten types, say
    put("i/vasprun.xml", vasprun(calculation()))
    found = steps(tmp_path)
    kept = [one for one in found if isinstance(one, Frame)]
    assert [(one.index, one.info["config_type"]) for one in kept] == [
        (0, "a"), (1, "a"), (2, "b"), (4, "c/OUTCAR.1"), (5, "c/OUTCAR.2.gz"), (7, "g"),
        (8, "water  at 300 K"), (9, "i"),
    ]  # fmt: skip
    lost = [(one.frame, one.cause.split(":")[0]) for one in found if isinstance(one, LeftOut)]
    assert lost == [(3, "b"), (6, "e")]
    dataset = read(tmp_path)  # in the confined process
    assert_array_equal(dataset.frame_indices, [0, 1, 2, 4, 5, 7, 8, 9])
    assert list(dataset.config_type[:3]) == ["a", "a", "b"]
    assert_allclose(
        dataset.energies, [-9.5, -9.5, *[-12.375] * 3, -17.25 * 27.2113860, -12.5, -9.5]
    )


def test_a_run_that_unpacks_to_too_much(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("analytics.data.file_formats.vasp.FREE", 1 << 16)
    (tmp_path / "a").mkdir()
    text = header() + step(1) + " \n" * 2_000_000
    (tmp_path / "a" / "OUTCAR.gz").write_bytes(gzip.compress(text.encode()))
    (missing,) = steps(tmp_path)
    assert isinstance(missing, LeftOut)
    assert "unpacks to more than 200 times its size" in missing.cause


def test_a_folder_of_one_run(tmp_path, write) -> None:
    write(header() + step(1), "OUTCAR")
    (frame,) = frames(tmp_path)
    assert "config_type" not in frame.info
    write("no such thing", "OUTCAR")
    with pytest.raises(InputError, match="none is one"):
        steps(tmp_path)


# ---- shared cases, and through the whole reader -----------------------------------------------


@pytest.fixture(scope="module")
def cases(request) -> Path:
    folder = Path(__file__).resolve().parents[3] / "shared" / "data" / "cases"
    if not folder.is_dir():
        pytest.skip(f"no cases in {folder}")
    return folder


@pytest.mark.parametrize(
    ("name", "kept", "left", "converged"),
    [
        ("OUTCAR", [0, 1, 2, 3], [], [True] * 4),
        ("51a_OUTCAR_ml_steps", [0, 3, 4], [1, 2], [True] * 3),
        ("51c_OUTCAR_truncated", [0, 1, 2], [3], [True] * 3),
        ("50_vasprun_unconverged_step.xml", [0, 1, 2], [], [True, False, True]),
        ("52_vasprun_truncated.xml", [0, 1], [2], [True, False]),
    ],
)
def test_cases_of_vasp(cases, name, kept, left, converged) -> None:
    path = cases / name
    assert [frame.index for frame in frames(path)] == kept
    assert [one.frame for one in left_out(path)] == left
    assert [frame.info["scf_converged"] for frame in frames(path)] == converged


def test_case_of_cp2k(cases) -> None:
    dataset = read(cases / "54_cp2k-pos-1.xyz")
    assert_allclose(dataset.energies[0], -0.5185659445 * 27.2113860, rtol=1e-7)


def test_compressed_in_the_confined_process(tmp_path) -> None:
    path = tmp_path / "run3.outcar.gz"
    path.write_bytes(gzip.compress((header() + step(1) + rounds(2)).encode()))
    dataset = read(path)
    assert_allclose(dataset.energies, [-12.375], rtol=1e-12)
    assert dataset.records[0].info["scf_converged"] is True
    assert [one.frame for one in dataset.understood.left_out] == [1]
    with pytest.raises(InputError, match="ends within this step"):
        read(path, strict=True)


# ---- outputs that ASE reads -------------------------------------------------------------------

GAUSSIAN = """ Entering Gaussian System, Link 0=g16
 #P HF/STO-3G opt
 Charge =  0 Multiplicity = 1
{}
 Normal termination of Gaussian 16
"""


def gaussian_step(length: float, energy: float, *, converged: bool = True) -> str:
    return f"""                          Input orientation:
 ---------------------------------------------------------------------
 Center     Atomic      Atomic             Coordinates (Angstroms)
 Number     Number       Type             X           Y           Z
 ---------------------------------------------------------------------
      1          1           0        0.000000    0.000000    0.000000
      2          1           0        0.000000    0.000000    {length:.6f}
 ---------------------------------------------------------------------
{"" if converged else " >>>>>>>>>> Convergence criterion not met."}
 SCF Done:  E(RHF) =  {energy:.8f}     A.U. after    5 cycles"""


def test_a_gaussian_output_whose_loop_did_not_converge(write, capfd) -> None:
    text = GAUSSIAN.format(
        "\n".join([
            gaussian_step(0.74, -1.1167593),
            gaussian_step(0.9, -1.0167593, converged=False),
            gaussian_step(0.8, -1.1067593),
        ])
    )  # fmt: skip
    dataset = read(write(text, "a.log"))
    assert [record.info["scf_converged"] for record in dataset.records] == [True, False, True]
    assert capfd.readouterr() == ("", "")


#: What a loop that converged ends with, and one that did not.
PRINTED = [
    ("gaussian-out", " SCF Done:  E(UHF) =  -1.5   A.U.",
     " >>>>>>>>>> Convergence criterion not met.\n SCF Done:  E(UHF) =  -1.5   A.U."),
    ("espresso-out", "     convergence has been achieved in   5 iterations",
     "     convergence NOT achieved after 100 iterations: stopping"),
    ("castep-castep", "Final energy, E             =  -1.5     eV",
     " *Warning* max. SCF cycles performed but system has not reached the groundstate.\n"
     "Final energy, E             =  -1.5     eV"),
    ("aims-output",
     "  Self-consistency cycle not yet converged - restarting\n  Self-consistency cycle converged.",
     "  *** scf_solver: SCF cycle not converged."),
    ("gpaw-out", "Converged after 12 iterations.", "Did not converge!"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "good", "bad"), PRINTED)
def test_what_codes_print_at_the_end_of_a_loop(write, kind, good, bad) -> None:
    from analytics.data.scf_convergence import loops_in

    path = write("\n".join(["some line", good, bad, good, ""]), "a.out")
    loops = loops_in(path, kind)
    assert [loop.converged for loop in loops] == [True, False, True]
    energies = {loop.energy for loop in loops}
    assert len(energies) == 1
    if kind == "castep-castep":
        assert energies == {-1.5}
    if kind == "gaussian-out":
        assert_allclose(list(energies), [-1.5 * 27.2113860], rtol=1e-7)
    assert loops_in(path, "cif") == []


def test_loops_of_frames() -> None:
    from analytics.data.scf_convergence import Loop, flagged

    def of(energies: list[float | None], loops: list[tuple[bool, float | None]]):
        made = [
            Frame(i, np.ones(1, int), np.zeros((1, 3)), np.zeros((3, 3)), np.zeros(3, bool),
                  {} if e is None else {"energy": e}, {})
            for i, e in enumerate(energies)
        ]  # fmt: skip
        found = flagged(made, [Loop(state, e, 7) for state, e in loops])
        notes = {note for frame in found for note in frame.notes}
        return [frame.info.get("scf_converged") for frame in found], " ".join(notes)

    assert of([1.0, 2.0], []) == ([None, None], "")
    assert of([1.0, 2.0], [(True, None)] * 5) == ([True, True], "")
    assert of([1.0, 2.0], [(True, None), (False, None)]) == ([True, False], "")
    # an energy tells, whatever there is between
    assert of([1.0, 2.0], [(True, 1.0), (False, 5.0), (True, 2.0)])[0] == [True, True]
    assert of([1.0, 2.0], [(True, 1.0), (True, 5.0), (False, 2.0)])[0] == [True, False]
    # the run stopped where its last loop did not converge, and the frame of that is not there
    states, note = of([None, None], [(True, None), (True, None), (False, None)])
    assert states == [True, True]
    assert "1 electronic loop that did not converge gave no frame" in note
    states, note = of([None, None], [(True, None), (False, None), (True, None)])
    assert states == [None, None]
    assert "1 of 3 electronic loops in the file did not converge, the first at line 7" in note


# ---- against ASE ------------------------------------------------------------------------------


def of_ase(name: str) -> Path:
    import ase.test

    path = Path(ase.test.__file__).parent / "testdata" / name
    if not path.is_file():
        pytest.skip("ASE is installed without the data of its tests")
    return path


@pytest.mark.parametrize("name", ["OUTCAR_example_1", "vasprun_pstress.xml", "vasprun_dfpt.xml"])
def test_the_same_as_ase_reads(name) -> None:
    same_as_ase(of_ase(f"vasp/{name}"))


@pytest.mark.parametrize(
    "name", ["OUTCAR", "51c_OUTCAR_truncated", "50_vasprun_unconverged_step.xml"]
)
def test_cases_the_same_as_ase_reads_them(cases, name) -> None:
    same_as_ase(cases / name)


def same_as_ase(path: Path) -> None:
    import ase.io

    images = ase.io.read(path, ":", format="vasp-xml" if path.suffix == ".xml" else "vasp-out")
    found = frames(path)
    assert len(found) == len(images)
    for frame, atoms in zip(found, images, strict=True):
        results = atoms.calc.results
        assert_array_equal(frame.numbers, atoms.numbers)
        assert_allclose(frame.positions, atoms.positions, rtol=0, atol=1e-9)
        assert_allclose(frame.cell, atoms.cell, rtol=0, atol=1e-9)
        assert_array_equal(frame.arrays["forces"], results["forces"])
        # ASE has other digits of the electron's charge in the pressure times volume
        assert_allclose(frame.info["energy"], results["energy"], rtol=0, atol=1e-8)
        assert_allclose(frame.info["free_energy"], results["free_energy"], rtol=0, atol=1e-8)
        if "stress" in results:
            xx, yy, zz, yz, xz, xy = results["stress"]
            assert_allclose(
                frame.info["stress"], [[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]], rtol=1e-9
            )


def test_warnings_of_ase_stay_inside(write, capfd) -> None:
    text = of_ase("aims/md.out").read_text()
    dataset = read(write(f"          Invoking FHI-aims ...\n{text}", "aims.out"))
    assert [record.info["scf_converged"] for record in dataset.records] == [True] * 5
    assert capfd.readouterr() == ("", "")
