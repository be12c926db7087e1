"""The Data stage without a browser: how a file was understood, and reading it another way."""

from __future__ import annotations

import pytest
from fake_networks import Modules

from analytics.descriptors.base import DESCRIPTORS
from analytics.descriptors.mace import MaceSpec
from analytics.descriptors.model_files import FOLDERS
from analytics.information.kernel import KernelSpec
from views.data.view import DataView
from views.state.jobs import Inline
from views.state.session import Session

FRAME = (
    '2\nProperties=species:S:1:pos:R:3:forces:R:3:REF_forces:R:3 pbc="F F F" '
    "{energy} REF_energy={ref}\nSi 0 0 0 0 0 {f} 0 0 0.1\nSi 0 0 {z} 0 0 -{f} 0 0 -0.1\n"
)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """Six frames with labels of a model beside the reference, and a seventh that is cut short."""
    path = tmp_path_factory.mktemp("data") / "two.xyz"
    frames = [
        FRAME.format(energy=f"energy={-1.1 + 0.1 * at}", ref=-1.0 + 0.1 * at, f=0.3, z=2 + 0.1 * at)
        for at in range(7)
    ]
    path.write_text("".join(frames)[:-50])
    return path


@pytest.fixture(scope="module")
def view(path, pipeline):
    session = Session(Inline(), pipeline)
    session.open(path)
    return DataView(session)


def test_block_says_what_was_read_and_what_was_left_out(view) -> None:
    text = str(view.understood.object)
    for words in ("6 read of 7", "Si 12 atoms", "REF_energy in all", "energy: differs from",
                  "Left out of two.xyz: 1 frame", "<td>6</td>"):  # fmt: skip
        assert words in text
    assert "<details open=" in text
    assert "--energy-key" not in text  # which is for the terminal


def test_names_and_units_are_offered_with_their_frames(view) -> None:
    energy, length = view.reading.keys["energy_key"], view.reading.units["length"]
    assert energy.value == "automatic"
    assert list(energy.options)[:1] == ["automatic (REF_energy)"]
    assert set(energy.options.values()) == {"automatic", "REF_energy", "energy", ""}
    assert "energy, 6 frames" in energy.options
    assert list(length.options)[:2] == ["Å (assumed)", "Å"]
    assert view.reading.options() == {}  # what is found by itself stays so


def test_file_is_read_again_another_way(view) -> None:
    session, reading = view._session, view.reading
    reference = session.dataset.energies.copy()
    reading.keys["energy_key"].value = "energy"
    reading.units["energy"].value = "hartree"
    reading.again.param.trigger("clicks")
    card = view.question  # hartree of energies leave the unit of forces open
    assert session.question.of == ("forces",)
    assert "--" not in str(card.text.object)
    assert "hartree/bohr" in card.fields["forces"].options
    card.fields["forces"].value = "hartree/bohr"
    card.open.param.trigger("clicks")
    units = "energy=hartree,forces=hartree/bohr"
    assert session.options == {"energy_key": "energy", "units": units}
    assert session.dataset.energies[0] == pytest.approx(-1.1 * 27.2114, rel=1e-4)
    assert reading.options() == session.options  # as it is read now
    before = session.opened
    reading.strict.value = True
    reading.again.param.trigger("clicks")
    assert session.opened is before  # the cut frame is refused, and what is open stays
    assert "two.xyz, structure 6" in session.notice[1]
    session.open(session.source)
    assert (session.dataset.energies == reference).all()
    assert reading.options() == {}


def test_fractional_coordinates_can_be_repaired_where_they_are_found(tmp_path, pipeline) -> None:
    path = tmp_path / "fractions.xyz"
    head = '2\nLattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3 pbc="T T T"\n'
    path.write_text("".join(f"{head}Si 0 0 0\nSi 0.5 0.5 0.{5 + at}\n" for at in range(4)))
    session = Session(Inline(), pipeline)
    session.open(path)
    reading = DataView(session).reading
    assert "none" not in str(reading.repair.styles)
    reading.repair.value = True
    reading.again.param.trigger("clicks")
    assert session.options == {"repair": "fractional"}
    assert session.dataset.positions[1].tolist() == [2.0, 2.0, 2.0]
    assert reading.options() == session.options


def test_the_page_offers_model_files_of_trusted_folders_and_refuses_others(
    path, pipeline, tmp_path, monkeypatch
) -> None:
    monkeypatch.setenv(FOLDERS, str(tmp_path / "models"))
    modules = Modules(monkeypatch, tmp_path)
    modules.mace()
    trusted = modules.write("models/mine.model")
    session = Session(Inline(), pipeline)
    session.open(path)
    view = DataView(session)
    assert set(DESCRIPTORS) == set(view.kind.options.values())
    view.kind.value = "mace"
    field = view.descriptor.widgets["model_file"]
    assert field.options == {"mine.model": str(trusted)}
    before = session.analysis
    session.reanalyse(MaceSpec(str(tmp_path / "own.model")), KernelSpec())  # as a link may ask
    assert session.analysis is before
    assert "winnow serve --models" in session.notice[1]
    field.value = str(trusted)
    view.recompute.param.trigger("clicks")
    assert session.analysis.descriptors.spec == MaceSpec(str(trusted))
    assert "mace" in str(view.in_use.object)
