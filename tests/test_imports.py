"""What `import winnow_atomistic` and `winnow --help` load: next to nothing (lazy imports)."""

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import winnow_atomistic as winnow
from analytics.cli.registry import COMMANDS

ROOT = Path(__file__).resolve().parents[1]
HEAVY = {"numba", "scipy", "pandas", "sklearn", "umap", "panel", "bokeh", "ase", "numpy"}


def loaded(code: str) -> set[str]:
    """Return the top-level packages that a new process has imported after some code."""
    code += "\nimport sys; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    "code",
    [
        "import winnow_atomistic as winnow; dir(winnow); winnow.__version__",
        "from analytics.cli.main import main; assert main(['--help']) == 0",
        "from analytics.cli.main import main; assert main(['--version']) == 0",
        "from analytics.cli.main import main; assert main(['-V']) == 0",
        "from analytics.cli.main import COMMANDS, main\n"
        "assert not any(main([name, '--help']) for name in COMMANDS)",
    ],
)
def test_nothing_heavy_is_loaded(code: str) -> None:
    assert not loaded(code) & HEAVY


def test_a_name_loads_what_it_needs_and_no_more() -> None:
    found = loaded("import winnow_atomistic as winnow; winnow.read")
    assert "ase" in found
    assert not found & {"numba", "pandas", "sklearn", "umap", "panel"}


def test_every_public_name_is_there_and_says_what_it_is() -> None:
    for name in winnow.__all__:
        assert getattr(winnow, name).__doc__, name
    assert set(winnow.__all__) == set(dir(winnow))
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        winnow.nothing  # noqa: B018


def test_no_function_shadows_its_module() -> None:
    for package in ("analytics", "views", "winnow_atomistic"):
        for init in (ROOT / package).rglob("__init__.py"):
            name = ".".join(init.parent.relative_to(ROOT).parts)
            modules = {path.stem for path in init.parent.iterdir() if path.name != "__init__.py"}
            bound = {
                alias.asname or alias.name
                for node in ast.walk(ast.parse(init.read_text(encoding="utf-8")))
                if isinstance(node, ast.ImportFrom)
                for alias in node.names
            }
            assert not bound & modules, name


def test_every_command_has_its_module() -> None:
    for name in COMMANDS:
        module = import_module(COMMANDS[name].module)
        assert callable(module.run)
        assert callable(module.add_arguments)
