"""Findings as actions: what is open, shown, stepped through, rejected, repaired, waived, undone."""

import numpy as np
import pytest

from analytics.data.export import write_subset
from analytics.data.readers import read
from views.compare.embeddings import Maps
from views.compare.left_open import LeftOpen
from views.data.findings import FindingsCard
from views.kit.findings_list import FindingsList
from views.state.jobs import Inline
from views.state.session import DEMO, Session
from views.state.work_queue import WorkQueue

COPIES, CLOSE, RELABELLED = [3, 7], 5, 9


@pytest.fixture(scope="module")
def faulty(tmp_path_factory):
    """A part of carbon with two copies, a structure of overlapping atoms and another energy."""
    folder = tmp_path_factory.mktemp("faulty")
    data = read(f"{DEMO}@0:552:24")
    write_subset(data, np.arange(data.n_structures), folder / "plain.xyz")
    write_subset(data, COPIES, folder / "copies.xyz")
    write_subset(data, [RELABELLED], folder / "other.xyz")
    other = (folder / "other.xyz").read_text().replace("energy=-", "energy=-1")
    lines = (folder / "copies.xyz").read_text().splitlines(keepends=True)
    close = [*lines[: int(lines[0]) + 2]]
    close[3] = close[2]  # two atoms at one place
    path = folder / "faulty.xyz"
    parts = ["plain.xyz", "copies.xyz"]
    text = "".join((folder / name).read_text() for name in parts)
    path.write_text(text + other + "".join(close))
    return path


@pytest.fixture
def session(faulty, pipeline):
    session = Session(Inline(), pipeline)
    session.open(faulty)
    session.findings.look()
    return session


def keys(session, *states):
    return {one.key for one in session.findings.of(*states)}


def test_a_file_with_errors_opens_on_what_was_found(session, small, pipeline):
    assert session.stage_offered == "Data"
    assert {one.key for one in session.findings.errors} == {"overlapping_atoms"}
    session.open(small)
    assert session.stage_offered == "Compare"
    assert (session.findings.open, session.findings.said) == ((), "")


def test_what_is_open_shrinks_with_every_decision(session):
    findings, data = session.findings, session.dataset
    n = data.n_structures
    assert {"overlapping_atoms", "duplicates", "conflicting_duplicates"} <= keys(session, "open")
    before = len(findings.open)
    duplicates = findings.get("duplicates")
    assert set(findings.removal(duplicates)) == {n - 4, n - 3, n - 2}
    findings.reject("duplicates")
    assert session.rejected == [n - 4, n - 3, n - 2]
    assert session.ledger[0].step == "Exact duplicates"
    assert session.ledger[0].reason == "repeats 3"
    assert "duplicates" in keys(session, "settled")
    findings.reject("overlapping_atoms")
    assert findings.errors == ()
    findings.waive("conflicting_duplicates", "known")
    assert "conflicting_duplicates" in keys(session, "waived")
    assert "differ in energy" in session.waived["conflicting_duplicates"].message
    assert len(findings.open) <= before - 3
    for _ in range(3):
        session.undo()
    assert len(findings.open) == before
    assert session.rejected == []


def test_of_copies_the_pinned_one_stays(session):
    n = session.dataset.n_structures
    session.pin(n - 4)  # a copy of 3
    found = session.findings.removal(session.findings.get("duplicates"))
    assert 3 in found
    assert n - 4 not in found
    session.reject(7)
    assert n - 3 not in session.findings.removal(session.findings.get("duplicates"))


def test_a_finding_is_brushed_and_stepped_through(session):
    session.findings.show("duplicates")
    n = session.dataset.n_structures
    wanted = [3, 7, 9, n - 4, n - 3, n - 2]
    assert session.brushed_structures.tolist() == wanted
    assert session.active == 3
    seen = []
    for _ in wanted:
        session.findings.step("duplicates", 1)
        seen.append(session.active)
    assert seen == [*wanted[1:], 3]
    session.findings.step("overlapping_atoms", 1)  # another one: it is brushed first
    assert session.brushed_structures.tolist() == [n - 1]


def test_review_and_data_show_the_same_findings(session):
    card, few = FindingsCard(session), FindingsList(session, ("duplicates", "near_duplicates"))
    assert [e["key"] for e in card.list.entries] == [o.key for o in session.findings.listed]
    entry = next(e for e in few.entries if e["key"] == "duplicates")
    names = [act["name"] for act in entry["acts"]]
    assert names == ["show", "back", "next", "maps", "reject", "waive"]
    card.list._handle_msg({"key": "duplicates", "name": "maps"})
    assert session.stage_wanted == "Compare"
    card.list._handle_msg({"key": "duplicates", "name": "waive", "text": "a <b>test</b>"})
    entry = next(e for e in few.entries if e["key"] == "duplicates")
    assert entry["tag"] == "waived"
    assert entry["lines"][0] == "Waived: a <b>test</b>"  # set as text in the browser
    few._handle_msg({"key": "duplicates", "name": "unwaive"})
    assert session.waived == {}
    few._handle_msg({"key": "duplicates", "name": "reject"})
    assert len(session.rejected) == 3
    few._handle_msg({"key": "isolated_atoms", "name": "reject"})  # is not offered here
    few._handle_msg("nonsense")
    assert len(session.rejected) == 3


STRAINED = (
    '2\nLattice="{a} 0 0 0 {a} 0 0 0 {a}" Properties=species:S:1:pos:R:3:forces:R:3 pbc="T T T" '
    'energy={energy} stress="{s} 0 0 0 {s} 0 0 0 {s}" config_type=eos\n'
    "Cs 0 0 0 0 0 0\nCl {h} {h} {h} 0 0 0\n"
)


def test_a_sign_is_turned_by_reading_again_and_undo_reads_it_as_it_was(tmp_path, pipeline):
    frames = []
    for step in range(-6, 7):
        a = 4.1 * (1 + 0.01 * step)
        volume, rest = a**3, 4.1**3
        energy = 0.5 * 0.2 * (volume - rest) ** 2 / rest
        stress = 0.2 * (volume - rest) / rest  # tension, as ASE has it
        frames.append(STRAINED.format(a=a, h=a / 2, energy=energy - 7, s=-stress))
    path = tmp_path / "pressure.xyz"
    path.write_text("".join(frames))
    session = Session(Inline(), pipeline)
    session.open(path)
    wrong = [one for one in session.findings.errors if "stress" in one.key]
    assert wrong
    before = session.dataset.stress.copy()
    at = [repair.words for repair in wrong[0].repairs].index("Read stress in -eV/Å^3")
    session.findings.repair(wrong[0].key, at)
    np.testing.assert_allclose(session.dataset.stress, -before)
    assert [one for one in session.findings.errors if "stress" in one.key] == []
    session.undo()
    np.testing.assert_allclose(session.dataset.stress, before)
    assert [one.key for one in session.findings.errors if "stress" in one.key] == [wrong[0].key]


def test_what_reading_another_way_did_is_said(faulty, pipeline, tmp_path):
    session = Session(Inline(), pipeline)
    session.open(faulty)
    session.reread(energy_key="")
    assert session.notice[1].startswith("File read another way")
    session.undo()
    assert session.notice == ("info", "Undone: file read another way")
    broken = tmp_path / "cut.xyz"
    broken.write_text(faulty.read_text()[:-40])
    session.open(broken)
    session.reject(3)
    session.reread(energy_key="")
    assert session.rejected == [3]  # the same frames were left out


def test_the_queue_follows_the_file_that_is_open(session, small, pipeline):
    session.open(DEMO)
    queue = WorkQueue(session, shown=True)
    assert queue.gaps is not None
    assert len(queue.gaps.environments)
    session.open(small)  # of far fewer environments than those gaps name
    n = session.dataset.n_structures
    assert all((one.structures < n).all() for one in queue.queue)
    session.set_budget(1)
    assert queue.gaps.looked_at == session.analysis.n_environments
    key = next(one.key for one in queue.queue if not one.finding)
    queue.act(key, "Compare")
    assert session.stage_wanted == "Compare"
    assert len(session.brushed_structures)


def test_a_small_file_after_a_large_one_is_drawn_without_complaint(small, pipeline):
    session = Session(Inline(), pipeline)
    session.open(DEMO)  # a picture: more environments than are drawn as points
    maps = Maps(session, LeftOpen(session))
    session.open(small)
    assert session.notice == ("success", "")
    assert session.in_view == session.analysis.n_environments
    assert len(maps.rest.what.rows) <= session.analysis.n_environments
