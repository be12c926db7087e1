"""A newcomer: a wheel from a clean copy, a fresh environment, own file, a subset taken home."""

import os
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
import tarfile
import time
import venv
import zipfile
from pathlib import Path

import ase.build
import ase.io
import numpy as np
import pytest
from ase.calculators.singlepoint import SinglePointCalculator
from conftest import FIRST_PAGE, ROOT, Visitor
from playwright.sync_api import expect

PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "-q")
OURS = ("analytics/", "views/", "winnow_atomistic/")
BACKEND = "from setuptools import build_meta as b; import sys; print(b.build_{}(sys.argv[1]))"


def tracked():
    """Return the files of a clean clone, those that are about to be committed included."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if listed.returncode:
        pytest.skip("not a checkout: what a clean clone holds is not known")
    return [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Build the source distribution from a clean copy, and the wheel from that; give both."""
    folder = tmp_path_factory.mktemp("built")
    wanted = re.search(r"setuptools>=\d+", (ROOT / "pyproject.toml").read_text())[0]
    got = subprocess.run([*PIP, "install", "--target", folder / "backend", wanted], check=False,
                         capture_output=True, text=True)  # fmt: skip
    if got.returncode:
        pytest.skip(f"no package index at hand for {wanted}")
    for name in tracked():
        (folder / "clone" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, folder / "clone" / name)

    def build(what, place):
        done = subprocess.run(
            [sys.executable, "-c", BACKEND.format(what), folder], cwd=place, text=True,
            capture_output=True, check=True, env={**os.environ, "PYTHONPATH": folder / "backend"},
        )  # fmt: skip
        return folder / done.stdout.splitlines()[-1]

    sdist = build("sdist", folder / "clone")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    (source,) = (folder / "unpacked").iterdir()
    return sdist, build("wheel", source)


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory):
    """Install the wheel into a fresh environment, which borrows the libraries of this one."""
    place = tmp_path_factory.mktemp("fresh")
    venv.create(place, with_pip=False, symlinks=True)
    python = place / "bin" / "python"
    subprocess.run(
        [*PIP, "--python", python, "install", "--no-deps", "--no-index", built[1]], check=True
    )
    own = Path(sysconfig.get_path("purelib", vars={"base": place, "platbase": place}))
    (own / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    # what is compiled in the checkout would be compiled again, for minutes
    for kernel in (ROOT / "analytics").rglob("*.nb[ic]"):
        there = own / kernel.relative_to(ROOT)
        there.parent.mkdir(exist_ok=True)
        shutil.copy2(kernel, there)
    for module in (ROOT / "analytics").rglob("*.py"):
        shutil.copystat(module, own / module.relative_to(ROOT))
    return place


def test_source_distribution_is_the_checkout(built):
    with tarfile.open(built[0]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert not set(tracked()) - names


def test_wheel_holds_every_file_of_the_packages_and_nothing_else(built):
    with zipfile.ZipFile(built[1]) as archive:
        names = set(archive.namelist())
    outside = {name for name in names if not name.startswith(OURS)}
    assert {name.partition("/")[0] for name in outside} == {"winnow_atomistic-0.1.0.dist-info"}
    expected = {
        name.replace("assets/", "analytics/assets/", 1) if name.startswith("assets/") else name
        for name in tracked()
        if name.startswith((*OURS, "assets/"))
    }
    scripts = {name for name in expected if re.fullmatch(r"analytics/assets/\w+\.py", name)}
    assert expected - names <= scripts  # those that made the data, of the checkout
    assert names - outside <= expected


def test_text_for_a_package_index_leads_nowhere_that_is_not_there(built):
    with zipfile.ZipFile(built[1]) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        head, _, text = archive.read(name).decode().partition("\n\n")
    assert "Description-Content-Type: text/markdown" in head
    assert text.startswith("# Winnow\n")
    links = re.findall(r"\]\((.*?)\)", text)
    assert links
    assert all(link.startswith("https://") for link in links)
    assert "![" not in text


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def served(installed, tmp_path_factory):
    """Serve a file with the wheel, from a folder outside the checkout; give the address."""
    folder = tmp_path_factory.mktemp("home")
    write_silicon(folder / "first.xyz", seed=0)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    told = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    told |= {"WINNOW_SESSIONS": str(folder / "sessions"), "WINNOW_TOKEN": "newcomer"}
    process = subprocess.Popen(
        [installed / "bin" / "winnow", "serve", "first.xyz", "--port", str(port)],
        cwd=folder, env=told, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until = time.monotonic() + FIRST_PAGE / 1000
        while not listens(port):
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.1)
        yield f"http://localhost:{port}/app?token=newcomer"
    finally:
        process.terminate()
        process.wait(20)


def write_silicon(path, seed):
    rng = np.random.default_rng(seed)
    frames = []
    for _ in range(30):
        atoms = ase.build.bulk("Si", cubic=True)
        atoms.rattle(0.05, rng=rng)
        forces = rng.normal(size=(len(atoms), 3))
        atoms.calc = SinglePointCalculator(atoms, energy=float(rng.normal()), forces=forces)
        frames.append(atoms)
    ase.io.write(path, frames, format="extxyz")


def test_the_command_says_its_version(installed, tmp_path):
    done = subprocess.run([installed / "bin" / "winnow", "-V"], cwd=tmp_path, text=True,
                          capture_output=True, check=True)  # fmt: skip
    assert done.stdout == "winnow 0.1.0\n"


@pytest.mark.browser
def test_a_file_is_dropped_and_its_subset_read_by_ase(quiet_browser, served, tmp_path):
    write_silicon(tmp_path / "mine.xyz", seed=1)
    visitor = Visitor(quiet_browser, served)
    page = visitor.page
    expect(page.locator(".chip")).to_contain_text("first.xyz · 30", timeout=FIRST_PAGE)
    page.get_by_role("button", name="Data", exact=True).click()
    page.locator(".zone input").set_input_files(tmp_path / "mine.xyz")
    expect(page.locator(".chip")).to_contain_text("mine.xyz · 30", timeout=FIRST_PAGE)
    strip = page.locator(".strip").first
    expect(strip).to_contain_text(re.compile(r"kept\s*3(?!\d)"), timeout=FIRST_PAGE)
    page.get_by_role("button", name="Export", exact=True).click()
    choice = page.get_by_role("dialog").get_by_role("button").filter(has_text="subset")
    with page.expect_download(timeout=FIRST_PAGE) as download:
        choice.click()
    download.value.save_as(tmp_path / "subset.xyz")
    visitor.check()
    visitor.close()
    mine = ase.io.read(tmp_path / "mine.xyz", ":")
    subset = ase.io.read(tmp_path / "subset.xyz", ":")
    assert len(subset) == 3
    for atoms in subset:
        same = mine[atoms.info["original_index"]]
        assert np.allclose(atoms.positions, same.positions)
        assert atoms.get_potential_energy() == pytest.approx(same.get_potential_energy())
