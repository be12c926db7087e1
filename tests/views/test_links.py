"""Links: what is shown comes back from an address, and what cannot is told in one line."""

from types import SimpleNamespace
from urllib.parse import parse_qs

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.runtime.errors import WinnowError
from analytics.selection.coverage import FacilityLocationSpec
from views.shell import server
from views.state.columns import Choice
from views.state.jobs import Inline
from views.state.linking import CARBON, file_of, make_link
from views.state.links import NAMES, PRESETS, packed_rows, read_link, unpacked_rows
from views.state.places import Places
from views.state.session import DEMO, Session
from views.state.shelf import Shelf


def arguments(query):
    return {name: [v.encode() for v in values] for name, values in parse_qs(query).items()}


def opened(small, pipeline):
    session = Session(Inline(), pipeline)
    session.served = small
    session.open(small)
    return session


def linked(session, stage="Compare"):
    found = []
    make_link(session, stage, session.served, lambda *told: found.append(told))
    return found[0]


def followed(query, small, pipeline, shelf=None):
    link = read_link(arguments(query))
    session = Session(Inline(), pipeline)
    rows = np.empty(0, dtype=np.int64)
    if link.rows:
        rows = unpacked_rows(shelf.kept_brush(link.key) if link.key else link.rows)
    session.served = small
    session.follow(link, file_of(link.data, Places(), small), rows)
    assert session.opened is not None, session.notice
    return session, link


def test_what_is_shown_comes_back(small, pipeline):
    first = opened(small, pipeline)
    first.show_columns(2)
    first.reseed(0, 7)
    first.choose(1, "facility_location")
    first.set_options(1, FacilityLocationSpec(width=3.0))
    first.set_budget(5)
    first.pin(2)
    first.reject(4)
    first.paint("max_force")
    first.set_brush([0, 1, 2, 17])
    first.inspect(6)
    query, left = linked(first)
    assert left == ["why structures were rejected"]
    assert "token" not in query
    assert str(small.parent) not in query
    again, link = followed(query, small, pipeline)
    assert not link.troubles
    assert link.stage == "Compare"
    for name in ("n_columns", "budget", "pinned", "rejected", "colour_by", "active"):
        assert getattr(again, name) == getattr(first, name), name
    np.testing.assert_array_equal(again.brush, first.brush)
    for one, other in zip(first.slots, again.slots, strict=True):
        assert (one.method, one.seed, one.spec) == (other.method, other.seed, other.spec)
        np.testing.assert_array_equal(first.kept(one), again.kept(other))
    assert again.notice[1] == ""
    assert not again.can_undo
    assert linked(again)[0] == query


def test_a_brush_that_was_searched_for_is_a_text(small, pipeline):
    first = opened(small, pipeline)
    first.searches = ["natoms > 30"]
    first.set_brush(np.flatnonzero(first.properties.of_environments("natoms") > 30))
    query, _ = linked(first)
    assert parse_qs(query)["brush"] == ["natoms > 30"]
    again, _ = followed(query, small, pipeline)
    np.testing.assert_array_equal(again.brush, first.brush)
    assert again.searches == ["natoms > 30"]


def test_a_list_of_its_own_is_no_part_of_a_link(small, pipeline):
    first = opened(small, pipeline)
    first.show_list(1, [3, 5, 8], "mine")
    query, left = linked(first)
    assert parse_qs(query)["methods"] == ["random,largest_force"]
    assert left == ["column 2, which is a list of its own"]
    assert read_link(arguments("methods=given")).choices == ()


def test_a_long_brush_stays_on_the_server(small, pipeline, tmp_path):
    first = opened(small, pipeline)
    shelf = Shelf(root=tmp_path)
    first.saver = SimpleNamespace(shelf=shelf)
    drawn = np.random.default_rng(0).random(first.analysis.n_environments) < 0.5
    rng = np.random.default_rng(1)
    wild = np.sort(rng.choice(10_000_000, 5000, replace=False))
    assert len(packed_rows(wild)) > 1200
    key = shelf.keep_brush(packed_rows(wild))
    assert key == shelf.keep_brush(packed_rows(wild))
    np.testing.assert_array_equal(unpacked_rows(shelf.kept_brush(key)), wild)
    for name in ("abcdefabcdef", "../../etc/pa", ""):
        with pytest.raises(WinnowError):
            shelf.kept_brush(name)
    first.set_brush(np.flatnonzero(drawn))
    query, _ = linked(first)
    again, _ = followed(query, small, pipeline, shelf)
    np.testing.assert_array_equal(again.brush, first.brush)


def test_a_link_for_other_data_brings_no_brush(small, pipeline):
    first = opened(small, pipeline)
    first.set_brush([0, 5])
    query, _ = linked(first)
    check = parse_qs(query)["check"][0]
    again, _ = followed(query.replace(check, "0" * len(check)), small, pipeline)
    assert len(again.brush) == 0
    assert "other data" in again.notice[1]


def test_what_is_not_understood_is_told_in_one_line(small, pipeline):
    query = (
        "methods=random:3,nonsense,facility_location~width=x&budget=much&map=Globe"
        "&colour=nothing&reject=5-&structure=99999&rows=5.AAAA"
    )
    link = read_link(arguments(query))
    assert link.choices == (Choice("random", 3),)
    session = Session(Inline(), pipeline)
    session.follow(link, small)
    severity, told = session.notice
    assert severity == "warning"
    assert "\n" not in told
    for said in ("nonsense", "width", "much", "Globe", "nothing", "5-", "99999", "rows"):
        assert said in told, said
    assert session.n_columns == 1


def test_presets_and_short_links_open(small, pipeline):
    for name, preset in PRESETS.items():
        link = read_link(arguments(f"preset={name}"))
        assert [choice.method for choice in link.choices] == list(preset.methods)
        assert link.stage == preset.stage
    link = read_link(arguments("data=carbon&methods=random,recommended&budget=0.1"))
    assert file_of(link.data, Places(()), small) == str(DEMO)
    assert [choice.method for choice in link.choices] == ["random", "recommended"]
    assert read_link({"theme": [b"dark"], "session": [b"abc"]}) is None


def test_links_name_no_private_file(small, pipeline, tmp_path):
    with pytest.raises(WinnowError):
        file_of("/etc/passwd", Places(()), small)
    with pytest.raises(WinnowError):
        file_of("../../etc/passwd", Places((tmp_path,)), small)
    inside = tmp_path / "inside.xyz"
    inside.write_bytes(small.read_bytes())
    assert file_of("inside.xyz", Places((tmp_path,)), DEMO) == str(inside)
    assert file_of(small.name, Places(()), small) == str(small)
    session = opened(small, pipeline)
    session.served = DEMO
    shelf = Shelf(root=tmp_path / "shelf")
    upload = shelf.new_upload() / "secret.xyz"
    upload.write_bytes(small.read_bytes())
    session.saver = SimpleNamespace(shelf=shelf)
    session.open(upload)
    assert session.source == str(upload)
    query, left = linked(session)
    assert "secret" not in query
    assert left[0].startswith("the data")
    session.open(DEMO)
    assert parse_qs(linked(session)[0])["data"] == [CARBON]


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), st.text(max_size=60), max_size=8))
def test_no_address_is_an_error(values):
    link = read_link({name: [text.encode()] for name, text in values.items()})
    if link is not None:
        assert read_link(arguments(link.query())) is not None or not link.query()


def test_no_address_stands_for_more_structures_than_a_server_bears():
    ranges = ",".join(f"{n}-{n + 900_000}" for n in range(0, 200_000_000, 1_000_000))
    link = read_link(arguments(f"pin={ranges}&reject=0-999999&structure={ranges}"))
    assert (link.pinned, len(link.rejected), link.structure) == ((), 1_000_000, -1)
    assert [trouble.split()[0] for trouble in link.troubles] == ["pin", "structure"]


@given(st.sets(st.integers(0, 10**7), min_size=1, max_size=300))
def test_rows_are_packed_and_unpacked(rows):
    rows = np.array(sorted(rows))
    np.testing.assert_array_equal(unpacked_rows(packed_rows(rows)), rows)
    for text in ("", "5", "3.", "2.AAAA", "999999999999.eJwDAAAAAAE", "-1.eJw"):
        with pytest.raises(ValueError, match="rows"):
            unpacked_rows(text)


def test_a_page_opens_by_a_link_as_far_as_it_can(small, pipeline, monkeypatch, tmp_path):
    monkeypatch.setattr(server.pn.state, "onload", lambda act: act())
    session = Session(Inline(), pipeline)
    session.places, session.served = Places((tmp_path,)).with_own(small), small
    link = read_link(arguments("data=/etc/hostname&stage=Nowhere&rows=abcdefabcdef&budget=4"))
    session.saver = SimpleNamespace(shelf=Shelf(root=tmp_path), start=lambda path: None)
    server._follow(session, link)
    assert session.source == str(small)
    assert session.budget == 4
    severity, told = session.notice
    assert severity == "warning"
    for said in ("/etc/hostname", "Nowhere", "brush is not on this server"):
        assert said in told, said
