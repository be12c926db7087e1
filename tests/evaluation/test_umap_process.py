"""The process that lays a map out: it can be stopped, and says why it failed."""

import time

import numpy as np
import pytest
from makers import Recorder

from analytics.evaluation import umap_process
from analytics.evaluation.umap_process import lay_out
from analytics.runtime.errors import Cancelled, WinnowError


class Impatient:
    """Cancels after a while and notes when."""

    def __init__(self, seconds):
        self.told, self.cancelled = [], None
        self._until = time.monotonic() + seconds

    def report(self, fraction, message=""):
        self.told.append((fraction, message))

    def checkpoint(self):
        if time.monotonic() > self._until:
            self.cancelled = time.monotonic()
            raise Cancelled


def points(n=64, d=4):
    return np.random.default_rng(0).normal(size=(n, d)).astype(np.float32)


def test_a_cancelled_layout_ends():
    monitor = Impatient(1.0)
    with pytest.raises(Cancelled):
        lay_out(points(), seed=0, neighbours=5, monitor=monitor)
    assert monitor.told


def test_a_failure_is_told_in_one_line():
    broken = points()
    broken[0, 0] = np.nan
    with pytest.raises(WinnowError, match=r"UMAP failed: .*NaN") as failure:
        lay_out(broken, seed=0, neighbours=5, monitor=Impatient(600))
    assert "\n" not in str(failure.value)


def test_lines_of_umap_become_progress():
    told = Recorder()
    teller = umap_process.Teller(told)
    for line in ("Construct fuzzy simplicial set", "noise", "Epochs completed:  40%| ####"):
        assert teller.write(line) == len(line)
    assert told.messages == ["finding neighbours", "layout 40 %"]
    assert told.fractions == [0.25, pytest.approx(0.7)]
