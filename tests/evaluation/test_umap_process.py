"""The process that lays a map out: it can be stopped, and says why it failed."""

import numpy as np
import pytest
from makers import Recorder

from analytics.evaluation import umap_process
from analytics.evaluation.umap_process import lay_out
from analytics.runtime.errors import Cancelled, WinnowError


class Impatient(Recorder):
    """Cancels once the process has said that it works."""

    def checkpoint(self):
        super().checkpoint()
        if any("loading" in message for message in self.messages):
            raise Cancelled


def points(n=64, d=4):
    return np.random.default_rng(0).normal(size=(n, d)).astype(np.float32)


def test_a_cancelled_layout_ends():
    monitor = Impatient()
    with pytest.raises(Cancelled):
        lay_out(points(), seed=0, neighbours=5, monitor=monitor)
    assert monitor.checkpoints


def test_a_failure_is_told_in_one_line():
    broken = points()
    broken[0, 0] = np.nan
    with pytest.raises(WinnowError, match=r"UMAP failed: .*NaN") as failure:
        lay_out(broken, seed=0, neighbours=5, monitor=Recorder())
    assert "\n" not in str(failure.value)


def test_lines_of_umap_become_progress():
    told = Recorder()
    teller = umap_process.Teller(told)
    for line in ("Construct fuzzy simplicial set", "noise", "Epochs completed:  40%| ####"):
        assert teller.write(line) == len(line)
    assert told.messages == ["finding neighbours", "layout 40 %"]
    assert told.fractions == [0.25, pytest.approx(0.7)]
