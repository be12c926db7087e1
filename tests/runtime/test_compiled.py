"""No compiled code exists twice: the state of numba's cache changes no bit of any result."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compiled_functions import called_by, compiled_functions, is_cached, is_helper
from numba.core.dispatcher import Dispatcher

from analytics.runtime.compiled import helper, kernel

PROGRAM = Path(__file__).with_name("every_kernel.py")
TESTS = Path(__file__).parents[1]


@pytest.mark.parametrize("function", compiled_functions(), ids=lambda f: f.py_func.__qualname__)
def test_compiled_functions_are_kernels_or_helpers(function) -> None:
    assert function.targetoptions["nogil"]
    assert is_helper(function) != is_cached(function)
    assert [f.__name__ for f in called_by(function) if not is_helper(f)] == []


def test_helpers_are_called() -> None:
    functions = compiled_functions()
    called = {id(f) for caller in functions for f in called_by(caller)}
    assert [f.__name__ for f in functions if is_helper(f) and id(f) not in called] == []


def test_a_helper_leaves_no_code_of_its_own_in_a_kernel() -> None:
    @helper(fastmath=True)
    def total(values):  # type: ignore[no-untyped-def]
        found = np.float32(0.0)
        for k in range(len(values)):
            found += values[k] * values[k]
        return found

    def caller(values):  # type: ignore[no-untyped-def]
        for k in range(len(values)):
            values[k] = total(values[: k + 1]) + total(values[k:]) * total(values)

    def definitions(function: Dispatcher) -> list[str]:
        function(np.ones(3, dtype=np.float32))
        (text,) = function.inspect_llvm().values()
        return [line for line in text.splitlines() if line.startswith("define") and "total" in line]

    assert definitions(kernel(caller, cache=False)) == []


def run_every_kernel(cache: Path, threads: int) -> dict[str, Any]:
    """Run every kernel in a process that has this cache."""
    libraries = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    found = [TESTS.parent, TESTS, TESTS / "density"]
    settings = dict.fromkeys(libraries, str(threads)) | {
        "NUMBA_CACHE_DIR": str(cache),
        "PYTHONPATH": os.pathsep.join(map(str, found)),
    }
    command = [sys.executable, str(PROGRAM), str(threads)]
    done = subprocess.run(command, env=os.environ | settings, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def half_of(cache: Path, copy: Path, odd: bool) -> Path:
    """Copy a cache, without what it holds of every other function."""
    shutil.copytree(cache, copy)
    for index in sorted(copy.rglob("*.nbi"))[odd::2]:
        index.unlink()
    return copy


def test_results_do_not_depend_on_the_cache_or_on_threads(tmp_path) -> None:
    empty = run_every_kernel(tmp_path / "cache", threads=2)
    assert empty["not run"] == []
    assert empty["loaded"] == 0
    halves = [half_of(tmp_path / "cache", tmp_path / f"half {odd}", odd) for odd in (False, True)]
    with ThreadPoolExecutor(2) as pool:
        half_warm = list(pool.map(run_every_kernel, halves, (1, 2)))
    warm = run_every_kernel(tmp_path / "cache", threads=1)
    assert warm["compiled"] == 0
    for other in (*half_warm, warm):
        assert other["loaded"] > 0
        assert other["results"] == empty["results"]
    assert sum(other["compiled"] for other in half_warm) == empty["compiled"]


def test_a_kernel_is_compiled_again_where_a_helper_in_another_file_changes(tmp_path) -> None:
    (tmp_path / "inner.py").write_text(
        "from analytics.runtime.compiled import helper\n"
        "FACTOR = 2.0\n"
        "@helper\n"
        "def scaled(x):\n"
        "    return FACTOR * x\n"
    )
    (tmp_path / "outer.py").write_text(
        "from analytics.runtime.compiled import helper, kernel\n"
        "from inner import scaled\n"
        "@helper\n"
        "def moved(x):\n"
        "    return scaled(x) + 1.0\n"
        "@kernel\n"
        "def result(x):\n"
        "    return moved(x)\n"
        "print(result(3.0), sum(result.stats.cache_hits.values()))\n"
    )
    settings = {
        "NUMBA_CACHE_DIR": str(tmp_path / "cache"),
        "PYTHONPATH": os.pathsep.join(map(str, (tmp_path, TESTS.parent))),
    }

    def run() -> list[str]:
        command = [sys.executable, str(tmp_path / "outer.py")]
        return subprocess.check_output(command, env=os.environ | settings, text=True).split()

    assert run() == ["7.0", "0"]
    assert run() == ["7.0", "1"]
    inner = tmp_path / "inner.py"
    inner.write_text(inner.read_text().replace("2.0", "4.0"))
    assert run() == ["13.0", "0"]
