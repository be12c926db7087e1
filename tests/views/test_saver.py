"""Sessions on the disk: saved at every change, never half, one window at a time, one user's own."""

import os
import random
import signal
import stat
import time
import zipfile
from pathlib import Path
from queue import Queue
from threading import Event

import numpy as np
import pytest

from analytics.data.export import write_subset
from analytics.data.readers import read
from analytics.runtime.errors import WinnowError
from views.shell.sessions_dialog import Sessions
from views.state.jobs import Inline
from views.state.saved import load
from views.state.saver import Immediate, Saver, Threaded
from views.state.session import Session
from views.state.shelf import Shelf, is_name, new_name


@pytest.fixture
def shelf(tmp_path):
    return Shelf(root=tmp_path / "shelf")


@pytest.fixture
def visit(pipeline, shelf):
    """Open pages as a server would, all of one user."""

    def make(path=None, name=None):
        saver = Saver(Session(Inline(), pipeline), shelf, Immediate())
        if path is not None:
            saver.start(path)
            saver.session.open(path)
        if name is not None:
            saver.open(name, told.append)
        return saver

    told = make.told = []
    return make


def full(*_, **__):
    raise WinnowError("small.winnow: cannot be written: No space left on device")


def names(shelf):
    return [listed.name for listed in shelf]


def test_what_a_page_opens_with_is_not_saved_until_something_is_done(visit, shelf, small):
    saver = visit(small)
    assert names(shelf) == []
    saver.session.pin(3)
    assert names(shelf) == [saver.name_on_shelf]
    assert is_name(saver.name_on_shelf)
    assert shelf.load(saver.name_on_shelf).pinned == [3]


def test_every_change_is_saved_at_once(visit, shelf, small):
    saver = visit(small)
    session = saver.session
    for act in (
        lambda: session.reject_all([5, 6], {5: "why"}),
        lambda: session.set_budget(7),
        lambda: session.set_brush([1, 2, 3]),
        lambda: session.inspect(4),
        lambda: session.choose(0, "largest_force"),
        lambda: session.reseed(1),
        session.undo,
        session.redo,
        lambda: saver.rename("mine"),
    ):
        act()
        held = shelf.load(saver.name_on_shelf)
        assert held.to_dict() | {"saved": 0, "marks": 0} == (
            session.save().to_dict() | {"saved": 0, "marks": 0, "title": saver.title}
        )
    assert saver.trouble == ""


def test_a_page_with_the_name_of_a_session_shows_it(visit, small):
    saver = visit(small)
    saver.session.pin(3)
    saver.rename("mine")
    again = visit(name=saver.name_on_shelf)
    assert again.session.pinned == [3]
    assert again.session.can_undo
    assert (again.title, again.name_on_shelf) == ("mine", saver.name_on_shelf)


@pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame.reset_index")
@pytest.mark.filterwarnings("ignore:Both '(color|variant)' and 'button_:PendingDeprecationWarning")
def test_the_list_of_sessions_follows_a_new_name(visit, small):
    saver, other = visit(small), visit(small)
    for one in (saver, other):
        one.session.pin(3)
    dialog = Sessions(lambda name: None, lambda path: None)
    dialog.attach(saver)
    dialog.open()
    listed = [item.name for item in dialog._listed]
    dialog._choose(listed.index(other.name_on_shelf))
    dialog.title.value = "silicon, first round"
    assert "silicon, first round (this one)" in dialog.table.value["name"].tolist()
    assert dialog._name == other.name_on_shelf  # what was chosen stays


def test_the_window_opened_last_has_the_session(visit, shelf, small):
    first = visit(small)
    first.session.pin(3)
    second = visit(name=first.name_on_shelf)
    assert first.elsewhere
    first.session.pin(5)
    second.session.pin(6)
    assert shelf.load(second.name_on_shelf).pinned == [3, 6]
    assert not second.elsewhere


def test_a_window_of_another_server_is_noticed(visit, shelf, small):
    first = visit(small)
    first.session.pin(3)
    Saver._live.clear()  # as if it were another process
    second = visit(name=first.name_on_shelf)
    assert not first.elsewhere
    first.session.pin(5)
    assert first.elsewhere
    assert second.session.pinned == shelf.load(second.name_on_shelf).pinned == [3]


def test_what_was_deleted_in_another_window_goes_on_under_another_name(visit, shelf, small):
    saver = visit(small)
    saver.session.pin(3)
    old = saver.name_on_shelf
    shelf.delete(old)
    saver.session.pin(5)
    assert names(shelf) == [saver.name_on_shelf] != [old]


def test_what_was_deleted_here_is_not_saved_until_something_is_done(visit, shelf, small):
    saver = visit(small)
    saver.session.pin(3)
    shelf.delete(saver.name_on_shelf)
    saver.forget()
    assert saver.name_on_shelf == ""
    saver.session.inspect(2)
    assert shelf.load(saver.name_on_shelf).pinned == [3]


def test_another_file_is_another_session_once_something_was_decided(visit, shelf, small, tmp_path):
    other = tmp_path / "other.xyz"
    write_subset(read(small), np.arange(12), other)
    saver = visit(small)
    saver.session.open(other)
    only = saver.name_on_shelf
    saver.session.open(small)
    assert names(shelf) == [only]  # nothing was decided
    saver.session.pin(3)
    saver.session.open(other)
    assert sorted(names(shelf)) == sorted({only, saver.name_on_shelf})
    assert len(names(shelf)) == 2
    assert shelf.load(only).pinned == [3]


def test_a_file_read_another_way_with_what_was_decided_is_the_same_session(visit, shelf, small):
    saver = visit(small)
    saver.session.reject(3)
    name = saver.name_on_shelf
    saver.session.reread(energy_key="")
    assert (saver.name_on_shelf, names(shelf)) == (name, [name])
    saver.session.undo()
    saver.session.undo()
    assert (saver.session.options, saver.session.rejected) == ({}, [])
    assert names(shelf) == [name]
    again = visit(name=name)
    again.session.redo()
    again.session.redo()
    assert (again.session.options, again.session.rejected) == ({"energy_key": ""}, [3])


def test_a_changed_file_leaves_the_session_as_it_was(visit, shelf, small, tmp_path):
    path, data = tmp_path / "mine.xyz", read(small)
    write_subset(data, np.arange(15), path)
    saver = visit(path)
    saver.session.pin(3)
    old = saver.name_on_shelf
    write_subset(data, np.arange(4, 15), path, force=True)
    again = visit(name=old)
    assert again.session.pinned == []
    assert again.name_on_shelf != old
    assert shelf.load(old).pinned == [3]


def test_an_unknown_a_foreign_and_a_damaged_name_are_told(visit, shelf, small):
    shelf.make()
    damaged = new_name()
    shelf.path(damaged).write_text("{")
    for name in (new_name(), "../../etc/passwd", "", damaged):
        visit(name=name)
    assert len(visit.told) == 4
    assert all("\n" not in str(error) for error in visit.told)
    assert [listed.trouble != "" for listed in shelf] == [True]


def test_a_disk_that_takes_nothing_is_told_and_tried_again(visit, shelf, small, monkeypatch):
    saver = visit(small)
    with monkeypatch.context() as patch:
        patch.setattr(shelf, "write", full)
        saver.session.pin(3)
    assert "No space left" in saver.trouble
    saver.session.pin(5)
    assert saver.trouble == ""
    assert shelf.load(saver.name_on_shelf).pinned == [3, 5]


def test_uploads_are_kept_with_their_session_and_go_with_it(visit, shelf, small):
    folder = shelf.new_upload()
    mine = folder / "dropped.xyz"
    mine.write_bytes(small.read_bytes())
    on_its_way = shelf.new_upload()
    saver = visit(small)
    saver.session.open(mine)
    held = load(shelf.path(saver.name_on_shelf))
    assert (held.source.uploaded, held.source.path) == (True, f"{folder.name}/dropped.xyz")
    assert visit(name=saver.name_on_shelf).session.dataset.name == "dropped.xyz"
    shelf.delete(saver.name_on_shelf)
    assert not folder.exists()
    assert on_its_way.exists()


@pytest.mark.parametrize("path", ["../../etc/passwd", "/etc/passwd", "a/b/c", "a", ""])
def test_an_upload_lies_among_the_uploads(visit, shelf, small, path):
    saver = visit(small)
    saver.session.pin(3)
    file = shelf.path(saver.name_on_shelf)
    name = str(small).replace("/", "/")
    content = file.read_text().replace(f'"{name}"', f'"{path}"').replace("false", "true")
    file.write_text(content)
    with pytest.raises(WinnowError, match="upload"):
        shelf.load(saver.name_on_shelf)


def test_old_sessions_and_the_oldest_of_too_many_go(visit, tmp_path, small, pipeline):
    shelf = Shelf(root=tmp_path / "small", days=30, limit=10**9)
    kept = []
    for age in (40, 20, 10, 0):
        name = new_name()
        shelf.write(name, b" " * 1000)
        os.utime(shelf.path(name), (time.time() - age * 86_400,) * 2)
        kept.append(name)
    (unnamed := shelf.new_upload()).joinpath("x").write_bytes(b" " * 1000)
    shelf.tidy()
    assert sorted(names(shelf)) == sorted(kept[1:])
    assert unnamed.exists()
    os.utime(unnamed, (0, 0))
    Shelf(root=tmp_path / "small", days=30, limit=1500).tidy()
    assert names(shelf) == [kept[-1]]
    assert not unnamed.exists()


def test_users_have_folders_of_their_own_that_only_the_server_reads(tmp_path):
    shelves = [Shelf(user, tmp_path) for user in ("", "ada", "Ada", "everybody", "../ada", "a/b")]
    assert len({shelf.folder for shelf in shelves}) == len(shelves)
    for shelf in shelves:
        assert shelf.folder.parent == tmp_path
        shelf.write(name := new_name(), b"{}")
        assert stat.S_IMODE(shelf.folder.stat().st_mode) == 0o700
        with pytest.raises(WinnowError, match="no session"):
            Shelf("eve", tmp_path).load(name)


@pytest.mark.parametrize(
    "name", ["", "a" * 11, "a" * 13, "../../../abc", "ABCDEFGHIJKL", "a\n" * 6]
)
def test_only_safe_names_become_paths(shelf, name):
    with pytest.raises(WinnowError, match="no name of a session"):
        shelf.path(name)


def test_killed_at_any_moment_leaves_a_whole_session(visit, shelf, small):
    saver = visit(small)
    saver.session.reject_all(range(3, 9))
    path, chance = shelf.path(saver.name_on_shelf), random.Random(1)
    content = path.read_bytes()
    for _ in range(50):
        child = os.fork()
        if child == 0:  # writes for ever; nothing of the test may run on in it
            try:
                length = 0
                while True:
                    length = (length + 4099) % 100_000
                    shelf.write(saver.name_on_shelf, content + b" " * length)
            finally:
                os._exit(1)
        time.sleep(chance.uniform(0.0, 0.02))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert load(path).rejected == list(range(3, 9))
    for left in shelf.folder.glob(".winnow-*"):
        os.utime(left, (0, 0))  # younger ones may be somebody's who has only just begun
    shelf.write(saver.name_on_shelf, content)
    assert sorted(shelf.folder.iterdir()) == sorted([path, shelf.uploads])


# ---- sessions as files --------------------------------------------------------------------------


def test_a_session_goes_home_as_one_file_and_comes_back(visit, shelf, small, tmp_path):
    saver = visit(small)
    saver.session.pin(3)
    saver.rename("mine")
    taken = tmp_path / "mine.winnow"
    taken.write_bytes(shelf.pack(saver.name_on_shelf))
    name = shelf.take_in(taken)
    assert name != saver.name_on_shelf
    again = visit(name=name)
    assert (again.session.pinned, again.title) == ([3], "mine")


def test_an_upload_goes_home_with_its_session(visit, shelf, small, tmp_path):
    mine = shelf.new_upload() / "dropped.xyz"
    mine.write_bytes(small.read_bytes())
    saver = visit(small)
    saver.session.open(mine)
    saver.session.pin(3)
    taken, elsewhere = tmp_path / "mine.winnow", Shelf(root=tmp_path / "elsewhere")
    taken.write_bytes(shelf.pack(saver.name_on_shelf))
    held = elsewhere.load(elsewhere.take_in(taken))
    assert held.pinned == [3]
    assert held.source.path.endswith("/dropped.xyz")
    assert Path(held.source.path).read_bytes() == small.read_bytes()


def archive(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members.items():
            made.writestr(name, content)


def test_archives_of_others_are_told(visit, shelf, small, tmp_path, monkeypatch):
    saver = visit(small)
    saver.session.pin(3)
    whole = shelf.path(saver.name_on_shelf).read_bytes()
    cases = {
        "nothing": {},
        "another": {"a.txt": b"a"},
        "damaged": {"session.json": b"{"},
        "odd place": {"session.json": whole, "data/../../../evil": b"x"},
        "bomb": {"session.json": whole, "data/x.xyz": b" " * (3 << 20)},
    }
    monkeypatch.setattr("views.state.shelf.CARRIED", 1 << 20)
    kept = names(shelf)
    for case, members in cases.items():
        archive(path := tmp_path / f"{case}.winnow", members)
        if case == "odd place":  # no data of that name: the session alone
            shelf.delete(shelf.take_in(path))
            continue
        with pytest.raises(WinnowError, match=case):
            shelf.take_in(path)
    cut = tmp_path / "cut.winnow"
    cut.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(WinnowError, match=r"cut\.winnow"):
        shelf.take_in(cut)
    assert names(shelf) == kept
    assert not list(tmp_path.rglob("evil"))


def test_a_session_leads_to_no_file_outside_the_uploads(visit, shelf, small, tmp_path):
    """A session may say any path: by dots it would lead out of the uploads again."""
    secret = tmp_path / "secret.xyz"
    secret.write_text("of somebody else")
    saver = visit(small)
    saver.session.pin(3)
    content = shelf.path(saver.name_on_shelf).read_text()
    for path in (f"{shelf.uploads}/../../{secret.name}", f"{shelf.uploads}/x/../../../secret.xyz"):
        sent = tmp_path / "sent.winnow"
        sent.write_text(content.replace(f'"{small}"', f'"{path}"'))
        for packed in (sent, tmp_path / "zipped.winnow"):
            if packed != sent:
                archive(packed, {"session.json": sent.read_bytes()})
            name = shelf.take_in(packed)
            assert shelf.pack(name) == shelf.path(name).read_bytes()
            assert not shelf.for_disk(shelf.load(name)).source.uploaded


@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, 8, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_archive_damaged_anywhere_is_told_and_leaves_nothing(
    visit, shelf, small, tmp_path, packing
):
    saver = visit(small)
    saver.session.pin(3)
    path, taken, told = tmp_path / "whole.winnow", 0, set()
    with zipfile.ZipFile(path, "w", packing) as made:
        made.writestr("session.json", shelf.path(saver.name_on_shelf).read_bytes())
        made.writestr("data/small.xyz", small.read_bytes()[:3000])
    whole, draw = path.read_bytes(), random.Random(0)
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(draw.choice((1, 1, 4))):
            damaged[draw.randrange(len(whole))] = draw.randrange(256)
        path.write_bytes(damaged)
        try:
            shelf.take_in(path)
            taken += 1
        except WinnowError as error:
            told.add(len(str(error).splitlines()))
    assert told == {1}
    assert len(list(shelf.uploads.iterdir())) <= taken


def test_archives_take_no_more_than_sessions_may(visit, shelf, small, tmp_path):
    saver = visit(small)
    saver.session.pin(3)
    whole = shelf.path(saver.name_on_shelf).read_bytes()
    archive(path := tmp_path / "a.winnow", {"session.json": whole, "data/x.xyz": b" " * 600_000})
    narrow = Shelf(root=tmp_path / "narrow", limit=1_000_000)
    kept = narrow.take_in(path)
    with pytest.raises(WinnowError, match="more than fits: sessions may take 1 MB"):
        narrow.take_in(path)
    assert names(narrow) == [kept]


def test_what_could_not_be_saved_is_saved_when_the_user_leaves(visit, shelf, small, monkeypatch):
    saver = visit(small)
    saver.session.pin(3)
    with monkeypatch.context() as patch:
        patch.setattr(shelf, "write", full)
        saver.session.pin(5)
    assert shelf.load(saver.name_on_shelf).pinned == [3]
    saver.close()
    assert shelf.load(saver.name_on_shelf).pinned == [3, 5]


def test_what_could_not_be_saved_is_tried_again_by_itself(shelf, small, pipeline, monkeypatch):
    later = []

    class Later(Immediate):
        def again(self, act):
            later.append(act)

    saver = Saver(Session(Inline(), pipeline), shelf, Later())
    saver.start(small)
    saver.session.open(small)
    with monkeypatch.context() as patch:
        patch.setattr(shelf, "write", full)
        saver.session.pin(3)
        later.pop()()
        assert "No space left" in saver.trouble
    later.pop()()
    assert (saver.trouble, later) == ("", [])
    assert shelf.load(saver.name_on_shelf).pinned == [3]


@pytest.mark.parametrize("slow", [False, True])
def test_work_of_the_disk_that_fails_is_told(slow):
    told = Queue()
    clock = Threaded(lambda seconds, act: None, lambda act: act(), told.put)
    clock.aside(lambda: 1 / 0, print, slow=slow)
    assert isinstance(told.get(timeout=60), ZeroDivisionError)


def test_nobody_waits_for_the_archive_of_somebody_else():
    clock, done, go_on = Threaded(lambda s, act: None, lambda act: act(), print), Queue(), Event()
    clock.aside(lambda: go_on.wait(60), done.put, slow=True)
    clock.aside(lambda: "saved", done.put)
    assert done.get(timeout=60) == "saved"
    go_on.set()
    assert done.get(timeout=60) is True


def test_a_file_that_goes_while_the_shelf_is_looked_at_hides_no_other(shelf, monkeypatch):
    kept = [new_name() for _ in range(3)]
    for name in kept:
        shelf.write(name, b"{}")
    (shelf.uploads / "a").symlink_to(shelf.uploads / "nowhere")
    gone, lstat = shelf.path(kept[1]), Path.lstat

    def going(path):
        if path == gone:
            raise FileNotFoundError(path)
        return lstat(path)

    monkeypatch.setattr(Path, "lstat", going)
    assert sorted(names(shelf)) == sorted(kept[::2])
    shelf.tidy()


def test_a_kept_brush_that_cannot_be_touched_is_still_read(shelf, monkeypatch):
    key = shelf.keep_brush("5.abc")

    def refused(*_):
        raise PermissionError("read-only")

    monkeypatch.setattr("os.utime", refused)
    assert shelf.kept_brush(key) == "5.abc"
    (shelf.brushes / key).write_bytes(b"\xff\xfe")
    with pytest.raises(WinnowError, match="cannot be read"):
        shelf.kept_brush(key)
