"""Places: a visitor names nothing outside the folders, however it is written."""

import os
from pathlib import Path

import pytest

from analytics.runtime.errors import InputError
from views.state.places import Places


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """Two folders that may be opened, one that may not, and links between them."""
    for name in ("open/run/a", "open/run/b", "more", "secret"):
        (tmp_path / name).mkdir(parents=True)
    for name in (
        "open/data.xyz",
        "open/at@1.xyz",
        "open/run/a/CHGCAR",
        "open/run/b/CHGCAR",
        "more/c.xyz",
        "secret/key.xyz",
    ):
        (tmp_path / name).write_text(name)
    (tmp_path / "open" / "inside.xyz").symlink_to("data.xyz")
    (tmp_path / "open" / "out.xyz").symlink_to(tmp_path / "secret" / "key.xyz")
    (tmp_path / "open" / "door").symlink_to(tmp_path / "secret")
    (tmp_path / "open" / "loop").symlink_to("loop")
    (tmp_path / "open_not").mkdir()
    (tmp_path / "open_not" / "data.xyz").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def places(tree):
    return Places((tree / "open", tree / "more"))


@pytest.mark.parametrize(
    ("named", "read"),
    [
        ("data.xyz", "open/data.xyz"),
        ("{}/open/data.xyz", "open/data.xyz"),
        ("open/data.xyz", "open/data.xyz"),
        ("c.xyz", "more/c.xyz"),
        ("run/../data.xyz", "open/data.xyz"),
        ("inside.xyz", "open/data.xyz"),
        ("data.xyz@0:10", "open/data.xyz@0:10"),
        ("at@1.xyz", "open/at@1.xyz"),
        ("at@1.xyz@3", "open/at@1.xyz@3"),
        ("run", "open/run"),
    ],
)
def test_what_lies_in_a_folder_is_opened(tree, places, named, read):
    assert places.allowed(named.format(tree)) == f"{tree}/{read}"


STRANGE = (
    "data.xyz@/../../secret/key.xyz",
    "data.xyz@*/key.xyz",
    "data.xyz@[0]",
    "/etc/passwd", "../secret/key.xyz", "{}/secret/key.xyz", "{}/open/../secret/key.xyz",
    "run/../../secret/key.xyz", "out.xyz", "out.xyz@0:1", "door/key.xyz", "door",
    "{}/open/door/key.xyz", "loop",
    "~/.ssh/id_rsa", "/proc/self/environ", "/dev/stdin", "/dev/fd/0", "", ".", "/", "..",
    "{}/open_not/data.xyz", "file:///etc/passwd", "postgresql://localhost/x", "missing.xyz",
    "x" * 300, "a/" * 3000, "data.xyz/.", "-", "\n", "data.xyz\n/etc/passwd", "@", "@:", "é" * 200,
)  # fmt: skip


@pytest.mark.parametrize("named", STRANGE)
def test_nothing_else_is(tree, places, named):
    for some in (places, Places(()), Places(()).with_own(tree / "more" / "c.xyz")):
        if some is places and named in (".", "", "data.xyz/."):
            continue  # the folder itself: it has a link that leads out
        with pytest.raises(InputError, match=r"no such file in|and no paths|leads elsewhere"):
            some.allowed(named.format(tree))


def test_what_is_not_there_and_what_is_not_for_visitors_look_the_same(tree, places):
    told = []
    for named in ("secret/key.xyz", "secret/nil.xyz"):
        with pytest.raises(InputError) as refusal:
            places.allowed(tree / named)
        told.append(refusal.value.cause)
    assert told[0] == told[1]


def test_a_folder_must_not_lead_out_by_what_is_in_it(tree, places):
    (tree / "open" / "set").mkdir()
    (tree / "open" / "set" / "coord.npy").symlink_to(tree / "secret" / "key.xyz")
    with pytest.raises(InputError, match=r"set: coord\.npy in it leads elsewhere"):
        places.allowed("set")


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("run/*/CHGCAR", ["open/run/a/CHGCAR", "open/run/b/CHGCAR"]),
        ("{}/open/run/*/CHGCAR", ["open/run/a/CHGCAR", "open/run/b/CHGCAR"]),
        ("c.*", ["more/c.xyz"]),
        ("ru[n]/a/CHGCAR", ["open/run/a/CHGCAR"]),
        ("inside*", ["open/data.xyz"]),
    ],
)
def test_patterns_stand_for_files_in_the_folders(tree, places, pattern, found):
    assert places.expanded([pattern.format(tree)]) == [f"{tree}/{name}" for name in found]


@pytest.mark.parametrize(
    "pattern",
    [
        "/etc/*",
        "{}/secret/*",
        "../*/*",
        "{}/*/key.xyz",
        "{}/open/../secret/*",
        "out*",
        "door/*",
        "*/key.xyz",
        "/*",
        "~/*",
        "*\0*",
        "[",
        "none*",
    ],
)
def test_patterns_find_nothing_outside(tree, places, pattern):
    for some in (places, Places(())):
        with pytest.raises(InputError) as refusal:
            some.expanded([pattern.format(tree)])
        assert "key.xyz" not in str(refusal.value).replace(pattern.format(tree), "")


def test_without_folders_everything_is_as_it_was_written(tree):
    assert Places().allowed("secret/key.xyz@1") == "secret/key.xyz@1"
    assert Places().expanded(["open/run/*/CHGCAR"]) == ["open/run/a/CHGCAR", "open/run/b/CHGCAR"]
    (tree / "odd[1].npz").touch()
    assert Places().expanded(["odd[1].npz"]) == ["odd[1].npz"]
    with pytest.raises(InputError, match="null character"):
        Places().allowed("a\0b")


def test_what_was_dropped_may_be_opened_in_any_case(tree):
    file = tree / "secret" / "key.xyz"
    assert Places(()).with_own(file).allowed(file) == str(file)
    assert Places(()).with_own(f"{file}@0:3").allowed(f"{file}@0:3") == f"{file}@0:3"
    assert not Places(()).named


def test_the_environment_tells(tree, monkeypatch):
    monkeypatch.delenv("WINNOW_ROOT", raising=False)
    monkeypatch.delenv("WINNOW_NO_PATHS", raising=False)
    assert Places.from_environment() == Places()
    (tree / "link").symlink_to("open")
    monkeypatch.setenv("WINNOW_ROOT", os.pathsep.join(["link", str(tree / "more")]))
    assert Places.from_environment().roots == (tree / "open", tree / "more")
    monkeypatch.setenv("WINNOW_NO_PATHS", "1")
    assert Places.from_environment().roots == ()
    assert Path.cwd() == tree
