"""Try versions of Python and of the libraries: `make test-matrix`, or `... ONLY=oldest`.

Each combination gets an environment of its own in build/matrix, where the short tests run. What is
not at hand (a Python, a package index) is skipped and named; the exit code is 1 if a test failed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLACE = ROOT / "build" / "matrix"
TOOLS = (
    "pytest>=9.2",
    "hypothesis",
    "pytest-playwright",
    "pytest-xdist",
    "PyYAML",
    "packaging",
    "jsonschema",
    "shtab",
)
#: From arrays to picks, the terminal, and the state of the page: a few minutes with compiling.
TESTS = (
    "tests/test_selector.py", "tests/test_cli_settings.py", "tests/test_pipeline.py",
    "tests/views/test_session.py", "tests/views/test_data_view.py",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Combination:
    """A Python, and what the libraries are held to besides the declared ranges."""

    name: str
    python: str
    held: tuple[str, ...] = ()


LINES = (ROOT / "scripts" / "oldest.txt").read_text().splitlines()
OLDEST = tuple(line for line in LINES if not line.startswith("#"))
COMBINATIONS = (
    Combination("oldest", "3.11", OLDEST),
    Combination("newest-3.11", "3.11"),
    Combination("panel-1.9-3.12", "3.12", ("panel==1.9.*", "bokeh==3.9.*")),
    Combination("newest-3.12", "3.12"),
    Combination("panel-1.10-3.13", "3.13", ("panel==1.10.*", "bokeh==3.10.*")),
    Combination("newest-3.14", "3.14"),
)  # fmt: skip


def find_python(version: str) -> str | None:
    """Return a Python of a version: on the PATH, of uv or of pyenv, if it starts."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    found = [shutil.which(f"python{version}"), *map(str, pyenv.glob(f"{version}.*/bin/python"))]
    if shutil.which("uv"):
        asked = subprocess.run(["uv", "python", "find", version], capture_output=True, text=True,
                               check=False)  # fmt: skip
        found.append(asked.stdout.strip())
    for python in filter(None, found):
        code = (
            f"import sys; sys.exit(sys.version_info[:2] != {tuple(map(int, version.split('.')))})"
        )
        if not subprocess.run([python, "-c", code], capture_output=True, check=False).returncode:
            return python
    return None


def install(python: str, combination: Combination) -> str:
    """Make the environment; return why that is not possible, or nothing."""
    place = PLACE / combination.name
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    subprocess.run([python, "-m", "venv", "--clear", place], check=True)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as held:
        held.write("\n".join(combination.held))
        held.flush()
        done = subprocess.run(
            [place / "bin" / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check",
             "-c", held.name, *project["dependencies"], *TOOLS],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    if not done.returncode:
        return ""
    errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
    return errors[0] if errors else "pip failed"


def test(combination: Combination) -> bool:
    python = PLACE / combination.name / "bin" / "python"
    listed = subprocess.run([python, "-m", "pip", "freeze"], capture_output=True, text=True,
                            check=True).stdout.splitlines()  # fmt: skip
    wanted = ("ase=", "bokeh=", "numba=", "numpy=", "pandas=", "panel=", "scikit-learn=", "scipy=")
    print("  " + " ".join(line for line in listed if line.startswith(wanted)), flush=True)
    code = subprocess.run(
        [python, "-m", "pytest", "-q", "-o", "filterwarnings=", "-p", "no:cacheprovider",
         *(name for name in TESTS if (ROOT / name).exists())],
        cwd=ROOT, check=False, env={**os.environ, "NUMBA_CACHE_DIR": str(PLACE / "numba"),
                                    "PYTHONPATH": str(ROOT)},
    ).returncode  # fmt: skip
    return code == 0


def main(only: list[str]) -> int:
    said = {}
    if unknown := set(only) - {combination.name for combination in COMBINATIONS}:
        sys.exit(f"no combination {', '.join(sorted(unknown))}")
    for combination in COMBINATIONS:
        if only and combination.name not in only:
            continue
        print(f"\n{combination.name}: Python {combination.python}", *combination.held, flush=True)
        python = find_python(combination.python)
        if python is None:
            said[combination.name] = f"skipped: there is no Python {combination.python}"
        elif why := install(python, combination):
            said[combination.name] = f"skipped: {why}"
        else:
            said[combination.name] = "passed" if test(combination) else "FAILED"
        print(f"{combination.name}: {said[combination.name]}", flush=True)
    print("\n" + "\n".join(f"{name:<18} {text}" for name, text in said.items()))
    return int("FAILED" in said.values())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
