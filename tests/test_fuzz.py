"""Damaged files of every kind are read or refused in one line: a small part of `make fuzz`."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_damaged_files_are_read_or_refused(tmp_path) -> None:
    command = [sys.executable, "-m", "fuzz", "--count", "450", "--seed", "3", "--keep", tmp_path]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
