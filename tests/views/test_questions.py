"""What a file leaves open is asked before anything is computed, and nothing is lost meanwhile."""

from __future__ import annotations

import ase.io
import numpy as np
import pytest
from ase.build import bulk

from analytics.runtime.errors import InputError
from views.data.question import QuestionCard
from views.data.view import DataView
from views.state.jobs import Inline
from views.state.saved import parse
from views.state.session import Session

WATER = """3
Atoms. Timestep: {step}
1 0.0 0.0 {z}
2 0.76 0.59 0.0
2 -0.76 0.59 0.0
"""


def typed_into(field, text) -> None:
    """Type into a field, as the browser tells it."""
    field._process_events({"value_input": text})


@pytest.fixture
def session(small, pipeline):
    session = Session(Inline(), pipeline)
    session.open(small)
    return session


@pytest.fixture
def typed(tmp_path):
    """A file of LAMMPS that names types 1 and 2: water."""
    path = tmp_path / "types.xyz"
    path.write_text("".join(WATER.format(step=s, z=0.05 * s) for s in range(6)))
    return path


def test_question_leaves_what_is_open_and_its_answer_opens_the_file(session, typed) -> None:
    before, card = session.opened, QuestionCard(session)
    session.open(typed)
    assert session.opened is before
    assert session.notice == ("", "")
    question = session.question
    assert (question.what, question.of) == ("species", ("1", "2"))
    assert "types.xyz" in question.text
    assert list(card.fields) == ["1", "2"]
    assert card.open.disabled
    typed_into(card.fields["1"], "O")
    card.fields["2"].value = "H"  # picked from the list
    assert not card.open.disabled
    card.open.param.trigger("clicks")
    assert session.question is None
    assert set(session.dataset.numbers.tolist()) == {1, 8}
    assert session.options == {"species": "1=O,2=H"}
    # read again another way, it is not asked again
    view = DataView(session)
    assert view.reading.options() == {"species": "1=O,2=H"}
    view.reading.strict.value = True
    view.reading.again.param.trigger("clicks")
    assert session.options == {"species": "1=O,2=H", "strict": True}


def test_wrong_answer_is_asked_again_with_what_was_typed(session, typed) -> None:
    before, card = session.opened, QuestionCard(session)
    session.open(typed)
    fields = card.fields
    typed_into(fields["1"], "Ox")
    typed_into(fields["2"], "H")
    card.open.param.trigger("clicks")
    assert session.opened is before
    assert "Ox" in session.question.text
    assert card.fields is fields
    typed_into(fields["1"], "O")
    card.open.param.trigger("clicks")
    assert session.options == {"species": "1=O,2=H"}


def test_what_enter_leaves_in_a_field_is_shown(session, typed) -> None:
    card = QuestionCard(session)
    session.open(typed)
    field = card.fields["1"]
    shown = field.get_root().data
    typed_into(field, "Ox")
    field._process_events({"value": "Ox"})  # Enter was pressed: it is in no list
    assert field.value == field.value_input == shown.value == shown.value_input == "Ox"


def test_a_letter_typed_and_the_answer_picked_for_it_may_come_in_one_go(session, typed) -> None:
    card = QuestionCard(session)
    session.open(typed)
    card.fields["1"]._process_events({"value_input": "s", "value": "Si"})
    card.fields["2"]._process_events({"value": "O", "value_input": "o"})
    card.open.param.trigger("clicks")
    assert session.options == {"species": "1=Si,2=O"}


def test_an_answer_takes_the_letter_case_of_the_list(session, typed) -> None:
    card = QuestionCard(session)
    session.open(typed)
    typed_into(card.fields["1"], " o")
    typed_into(card.fields["2"], "h")
    card.open.param.trigger("clicks")
    assert session.options == {"species": "1=O,2=H"}


def test_enter_in_a_field_answers_once_all_are_filled(session, typed) -> None:
    card = QuestionCard(session)
    session.open(typed)
    typed_into(card.fields["1"], "O")
    card.fields["1"].param.trigger("enter_pressed")
    assert session.question is not None
    typed_into(card.fields["2"], "H")
    card.fields["2"].param.trigger("enter_pressed")
    assert session.options == {"species": "1=O,2=H"}


def test_question_goes_with_another_file_or_when_it_is_given_up(session, typed, small) -> None:
    session.open(typed)
    session.give_up()
    assert session.question is None
    session.open(typed)
    session.open(small)
    assert session.question is None
    assert session.dataset.name == "small.xyz"


def test_question_comes_back_with_a_saved_session(session, typed, pipeline) -> None:
    session.open(typed, strict=True, units="energy=hartree")
    saved = parse(session.save().to_bytes())
    again = Session(Inline(), pipeline)
    again.restore(saved)
    assert again.dataset.name == session.dataset.name  # what was open stays
    assert again.question == session.question
    again.answer({"1": "O", "2": "H"})
    assert again.dataset.name == "types.xyz"
    assert again.options == {"strict": True, "units": "energy=hartree", "species": "1=O,2=H"}
    assert again.save().question is None
    named = saved.to_bytes().replace(b'"what": "species"', b'"what": "path"')
    with pytest.raises(InputError, match=r"question.what"):
        parse(named)


def test_answers_come_back_with_a_saved_session(session, typed, pipeline) -> None:
    session.open(typed, species="1=O,2=H", strict=True)
    saved = session.save()
    again = Session(Inline(), pipeline)
    again.restore(saved)
    assert again.options == {"species": "1=O,2=H", "strict": True}
    assert np.array_equal(again.dataset.numbers, session.dataset.numbers)


def test_question_about_units_offers_their_names(session, typed, monkeypatch) -> None:
    def read(place, options, *, monitor):
        raise InputError("which units?", source="a.data", asks=("units", "energy", "length"))

    monkeypatch.setattr(session.pipeline, "read", read)
    card = QuestionCard(session)
    session.open(typed, units="length=bohr")
    assert "hartree" in card.fields["energy"].options
    assert card.fields["length"].value == "bohr"
    typed_into(card.fields["energy"], "Ha")
    card.open.param.trigger("clicks")
    assert session.question.options["units"] == "length=bohr,energy=Ha"


def test_fractional_coordinates_are_repaired_from_the_page(session, tmp_path) -> None:
    path, rng = tmp_path / "fractions.xyz", np.random.default_rng(0)
    images = [bulk("Cu", cubic=True) for _ in range(6)]
    for atoms in images:
        atoms.positions[:] = atoms.get_scaled_positions() + rng.normal(scale=0.01, size=(4, 3))
    ase.io.write(path, images, format="extxyz")
    session.open(path)
    view = DataView(session)
    assert "‘Multiply fractional coordinates by the cell’" in str(view.findings.list.entries)
    assert view.reading.repair.visible
    view.reading.repair.value = True
    view.reading.again.param.trigger("clicks")
    assert session.options == {"repair": "fractional"}
    assert "fractional_positions" not in {f.code for f in session.opened.report.findings}
    assert view.reading.repair.visible
    assert view.reading.repair.value
