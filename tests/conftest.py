"""What all tests share: a cache that is not the user's, and ways to run a command."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

from analytics.cli.main import main

# how long an example takes hangs on the machine and its load
settings.register_profile("winnow", deadline=None)
settings.load_profile("winnow")


class ByFile(LoadScopeScheduling):
    """Keeps a file's tests in one process of `make test`, and those in a browser in one of all.

    Tests of a file share what took long to make. Those in a browser share a server, and two
    browsers at a time are more than two cores draw. (`--dist loadgroup` of pytest-xdist 3.8 would
    say the same, but writes its groups where pytest 9.2 no longer reads them.)
    """

    def _split_scope(self, nodeid: str) -> str:
        path, _, _ = nodeid.partition("::")
        return "browser" if Path(path).parent.name == "browser" else path


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    return ByFile(config, log)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory):
    """Keep results in a folder of this run; servers that tests start inherit it."""
    names = ("WINNOW_CACHE", "WINNOW_CACHE_LIMIT", "WINNOW_CONFIG", "XDG_STATE_HOME")
    before = {name: os.environ.get(name) for name in names}
    os.environ["WINNOW_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    os.environ["XDG_STATE_HOME"] = str(tmp_path_factory.mktemp("state"))
    os.environ.pop("WINNOW_CACHE_LIMIT", None)
    os.environ["WINNOW_CONFIG"] = ""  # not the user's defaults
    yield
    for name, value in before.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value


@pytest.fixture
def no_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask a monitor at the steps of the work alone, not every tenth of a second besides.

    Then the number of checkpoints is the same on a slow machine and while kernels compile.
    """
    for module in ("parallel", "cache"):
        monkeypatch.setattr(f"analytics.runtime.{module}.TICK", 3600.0)


@pytest.fixture
def run(capsys):
    """Return a function that runs a command and gives (code, stdout, stderr)."""

    def call(*arguments):
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def run_json(run):
    """Run a command with --json: nothing but JSON without NaN may come out."""

    def refuse(name):
        raise AssertionError(f"{name} is not JSON")

    def call(*arguments, code=0):
        found, out, err = run(*arguments, "--json")
        assert (found, err) == (code, "")
        return json.loads(out, parse_constant=refuse)

    return call


@pytest.fixture
def fails(run):
    """Return a function that runs a command that must fail, and gives its one line."""

    def call(*arguments):
        code, out, err = run(*arguments)
        assert (code, out) == (2, "")
        assert err.startswith("winnow: error: ")
        assert err.count("\n") == 1
        assert err.endswith("\n")
        assert "Traceback" not in err
        return err

    return call
