"""What is understood of published sets: keys and frames, elements, isolated atoms, questions."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase.data import chemical_symbols

from analytics.cli.output import print_json
from analytics.data.dataset import Dataset
from analytics.data.overview import understood_content, understood_rows
from analytics.data.readers import read
from analytics.runtime.errors import InputError

USUAL = {"energy": "energy", "forces": "forces", "config_type": "config_type"}
GPUMD = USUAL | {"forces": "force"}
#: Frames, elements, the key of each label (with its frames where those are not all), isolated
#: atoms. Written down from the files' own headers, see the README beside them.
SETS: dict[str, tuple[int, str, dict[str, Any], int]] = {
    "alnicu_nomad.extxyz.gz": (3337, "Al Ni Cu", {"energy": ("nomad_total_energy", 1016)}, 0),
    "dp_water": (400, "H O", GPUMD, 0),
    "ecemc_liquid.xyz.gz": (
        *(203, "H C O"),
        *({"energy": "energy", "forces": ("forces", 200), "stress": ("virial", 200)}, 3),
    ),
    "kim_datafile.extxyz.gz": (1, "H C N O", {"energy": "energy", "forces": "force"}, 0),
    "mosi2n4_nep_train.xyz.gz": (
        *(308, "N Si Mo"),
        {"energy": "Energy", "forces": "force", "stress": "Virial", "config_type": "Config_type"},
        0,
    ),
    "n2p2_cu2s_comp2.xyz.gz": (26, "S Cu", USUAL, 0),
    "n2p2_h2o.xyz.gz": (20, "H O", USUAL, 0),
    "oxides_oc.db": (295, "O Ti V Ru Sn Ir", {"energy": "energy", "forces": "forces"}, 0),
    "pbte_nep_train.xyz.gz": (25, "Te Pb", GPUMD, 0),
    "qm7x_reduced_100.xyz.gz": (100, "H C N S", {}, 0),
    "rmd17_aspirin_test01.xyz.gz": (1000, "H C O", USUAL, 0),
    "rmd17_aspirin_train01.xyz.gz": (1000, "H C O", USUAL, 0),
    "rmd17_azobenzene_train01.xyz.gz": (1000, "H C N", USUAL, 0),
    "rmd17_benzene_test01.xyz.gz": (1000, "H C", USUAL, 0),
    "rmd17_benzene_train01.xyz.gz": (1000, "H C", USUAL, 0),
    "rmd17_ethanol_test01.xyz.gz": (1000, "H C O", USUAL, 0),
    "rmd17_ethanol_train01.xyz.gz": (1000, "H C O", USUAL, 0),
    "rmd17_malonaldehyde_train01.xyz.gz": (1000, "H C O", USUAL, 0),
    "rmd17_naphthalene_train01.xyz.gz": (1000, "H C", USUAL, 0),
    "rmd17_paracetamol_train01.xyz.gz": (1000, "H C N O", USUAL, 0),
    "rmd17_salicylic_train01.xyz.gz": (1000, "H C O", USUAL, 0),
    "rmd17_toluene_train01.xyz.gz": (1000, "H C", USUAL, 0),
    "rmd17_uracil_train01.xyz.gz": (1000, "H C N O", USUAL, 0),
    "sio_mlip_train.extxyz.gz": (900, "O Si", {"energy": "energy", "forces": "forces"}, 0),
    "snap_mo2017.xyz.gz": (97, "Mo", USUAL, 0),
    "snap_nimo.xyz.gz": (242, "Ni Mo", USUAL, 0),
    "solvent_xtb_test.xyz.gz": (
        1000, "H C O", {"energy": "energy_xtb", "forces": "forces_xtb"}, 0
    ),
    "solvent_xtb_train_200.xyz.gz": (
        *(203, "H C O"),
        {"energy": "energy_xtb", "forces": "forces_xtb", "config_type": ("config_type", 3)},
        3,
    ),
    "tial_acetutorial.xyz.gz": (329, "Al Ti", GPUMD | {"stress": "virial"}, 0),
    "toy_c3h8_relax.extxyz.gz": (101, "H C Cu", {"energy": "energy", "forces": "forces"}, 0),
}  # fmt: skip
#: Sets that leave the elements of atoms open: how they say so, and what they ask.
ASK: dict[str, tuple[str, tuple[str, ...]]] = {
    "graphene_mtp_test.cfg.gz": ("types of atoms (0)", ("species", "0")),
    "bzoyh_ML_AB.gz": ("announces 8 Ba, 7 Zr, 8 Y, 24 O, 1 H and lists 41 atoms", ()),
}


def keys_of(data: Dataset) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for use in data.understood.keys:
        assert use.label not in found, "labels of one set are under one name each"
        found[use.label] = use.key if use.frames == data.n_structures else (use.key, use.frames)
    return found


@pytest.mark.parametrize("name", SETS)
def test_published_sets_are_understood(real_data: Path, name: str) -> None:
    data = read(real_data / "public" / name)
    frames, elements, keys, isolated = SETS[name]
    assert (data.n_structures, data.understood.frames_in_file) == (frames, frames)
    assert not data.understood.left_out
    assert " ".join(chemical_symbols[z] for z in np.unique(data.numbers)) == elements
    assert keys_of(data) == keys
    assert int(data.isolated.sum()) == isolated
    known = {use.known_from for use in data.understood.units}
    assert known == ({"assumed"} if "xyz" in name else {"format"})
    assert all(use.factor == 1 for use in data.understood.units)
    rows = understood_rows(data)
    assert len(rows) < 15
    assert [heading for heading, _ in rows[:4]] == [
        *("frames", "elements", "compositions", "periodicity")
    ]


@pytest.mark.parametrize("name", ASK)
def test_what_a_published_set_leaves_open_is_asked(real_data: Path, name: str) -> None:
    said, asks = ASK[name]
    with pytest.raises(InputError, match=re.escape(said)) as caught:
        read(real_data / "public" / name)
    assert caught.value.asks == asks


def test_every_published_set_is_here(real_data: Path) -> None:
    there = {path.name for path in (real_data / "public").iterdir()} - {"README.md"}
    assert there == {*SETS, *ASK}


def test_rows_say_what_a_person_verifies(write) -> None:
    head = "Properties=species:S:1:pos:R:3:forces:R:3"
    data = read(
        write(
            f'2\n{head} REF_energy=-2 energy=-1 Lattice="4 0 0 0 4 0 0 0 4" config_type=a\n'
            "Cu 0 0 0 1 0 0\nO 0 0 2 -1 0 0\n"
            "1\nProperties=species:S:1:pos:R:3 energy=-0.5 config_type=IsolatedAtom\nCu 0 0 0\n"
            f"1\n{head} REF_energy=None\nCu 0 0 0 1 0 0\n"
        )
    )
    rows = dict(understood_rows(data))
    assert rows["frames"] == "3 read (extended XYZ)"
    assert rows["left out"] == "energy of frame 2: energy 'REF_energy' is 'None', not a number"
    assert rows["elements"] == "O 1, Cu 3 atoms"
    assert rows["compositions"] == "Cu (2), OCu (1)"
    assert rows["periodicity"] == "1 periodic, 2 not periodic"
    assert rows["energy"] == "REF_energy in 1 of 3"
    assert rows["forces"] == "forces in 2 of 3"
    assert rows["class"] == "config_type in 2 of 3"
    assert "energy: 2 frames, differs from REF_energy by 0.500 eV/atom" in rows["also there"]
    assert rows["units"] == "length in Å, energy in eV, forces in eV/Å (assumed)"
    assert rows["isolated atoms"] == "2: Cu (2)"
    assert "energy is not taken for the 1 without REF_energy" in rows["notes"]


def test_the_same_is_in_json(write, capsys) -> None:
    data = read(write("1\nenergy=1 energy_unit=Ha\nH 0 0 0\n" * 3), strict=True)
    print_json(understood_content(data))
    found = json.loads(capsys.readouterr().out)
    assert (found["frames_read"], found["frames_in_file"]) == (3, 3)
    assert found["elements"] == {"H": {"atoms": 3, "structures": 3}}
    assert found["keys"][0] == {"label": "energy", "key": "energy", "frames": 3}
    assert found["units"][1]["unit"] == "Ha"
    assert found["isolated"] == ["H"] * 3
    assert found["options"] == {"strict": True}


def test_a_slice_knows_how_many_there_are(write) -> None:
    path = write("1\nenergy=1\nH 0 0 0\n" * 5)
    assert dict(understood_rows(read(f"{path}@1:3")))["frames"] == "2 read of 5 (extended XYZ)"
