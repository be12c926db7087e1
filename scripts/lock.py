"""Renew the exact pins: `make lock`.

Installs the project with its dev extra into a new environment, unconstrained but for the ranges in
pyproject.toml, writes what that gave to constraints.txt (keeping its header), and carries the new
versions over to environment.yml.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROJECT = "winnow-atomistic"


def resolve() -> list[str]:
    """Return `name==version` of everything the project and its dev extra bring in, sorted."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = str(Path(folder, "bin", "python"))
        subprocess.run([python, "-m", "pip", "install", "-e", f"{ROOT}[dev]"], check=True)
        frozen = subprocess.run(
            [python, "-m", "pip", "freeze", "--exclude", PROJECT, "--exclude-editable"],
            check=True,
            capture_output=True,
            text=True,
        )
    return frozen.stdout.split("\n")[:-1]


def main() -> None:
    pins = resolve()
    if odd := [pin for pin in pins if not re.fullmatch(r"[\w.-]+==[\w.!+-]+", pin)]:
        sys.exit(f"not plain pins: {odd}")

    constraints = ROOT / "constraints.txt"
    header = [line for line in constraints.read_text().splitlines() if line.startswith("#")]
    constraints.write_text("\n".join([*header, *pins]) + "\n")

    version = dict(pin.lower().replace("_", "-").split("==") for pin in pins)
    environment = ROOT / "environment.yml"
    environment.write_text(
        re.sub(
            r"(?m)^(\s*- )([\w-]+)==\S+$",
            lambda line: f"{line[1]}{line[2]}=={version[line[2]]}",
            environment.read_text(),
        )
    )


if __name__ == "__main__":
    main()
