"""UMAP in a subprocess: the library can neither be stopped nor asked how far it is."""

from __future__ import annotations

import io
import re
import warnings
from contextlib import redirect_stdout

import numpy as np

from analytics.runtime.arrays import FloatArray
from analytics.runtime.process import call
from analytics.runtime.progress import Monitor

__all__ = ["lay_out"]

#: What UMAP says when a step begins -> (share of the time that lies before it, its name).
STEPS = {
    "Construct fuzzy": (0.25, "finding neighbours"),
    "Construct embedding": (0.5, "starting the layout"),
}
_PERCENT = re.compile(r"(\d+)%")


def lay_out(x: FloatArray, *, seed: int, neighbours: int, monitor: Monitor) -> FloatArray:
    """Lay out points with UMAP in two dimensions.

    Parameters
    ----------
    x : float32 array (n, d)
    seed : int
    neighbours : int
        Size of the neighbourhoods that the layout tries to keep.
    monitor : Monitor
        Asked every tenth of a second; a cancelled layout ends at once.

    Returns
    -------
    float array (n, 2)

    Raises
    ------
    WinnowError
        If UMAP fails.
    """
    x = np.ascontiguousarray(x, dtype=np.float32)
    return call(work, x, seed, neighbours, name="UMAP", message="UMAP map", monitor=monitor)


# ---- inside the process ------------------------------------------------------------------------


class Teller(io.TextIOBase):
    """Takes what UMAP prints and reports how far it is."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor

    def write(self, text: str) -> int:
        """Report the step or the share that a text names."""
        found = [step for words, step in STEPS.items() if words in text]
        done = _PERCENT.search(text)
        if found:
            self._monitor.report(*found[0])
        elif done is not None:
            self._monitor.report(0.5 + 0.5 * int(done[1]) / 100, f"layout {done[1]} %")
        return len(text)


def work(x: FloatArray, seed: int, neighbours: int, monitor: Monitor) -> FloatArray:
    """Lay points out, see `lay_out`."""
    monitor.report(0.02, "loading the library")
    import umap  # compiles for seconds

    monitor.report(0.15, "compiling")
    teller = Teller(monitor)
    with warnings.catch_warnings(), redirect_stdout(teller):
        # a seed, which turns off threads, is what we want: one thread is all it may use
        warnings.simplefilter("ignore")
        xy = umap.UMAP(
            n_neighbors=neighbours,
            min_dist=0.1,
            random_state=seed,
            n_jobs=1,
            init="pca",
            verbose=True,
            tqdm_kwds={"file": teller, "mininterval": 0.2, "disable": False},
        ).fit_transform(x)
    return np.ascontiguousarray(xy, dtype=np.float64)
