"""UMAP in a process of its own: the library can neither be stopped nor asked how far it is."""

from __future__ import annotations

import io
import json
import re
import sys
import warnings
from typing import Any

import numpy as np

from analytics.runtime.arrays import FloatArray
from analytics.runtime.process import answer_of, serve, tell
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
    options = {"seed": seed, "neighbours": neighbours, "shape": x.shape}
    sent = json.dumps(options).encode() + b"\n" + x.tobytes()
    answer = answer_of(__name__, sent, name="UMAP", message="UMAP map", monitor=monitor)
    return np.frombuffer(answer, dtype=np.float64).reshape(len(x), 2)


# ---- the program ------------------------------------------------------------------------------


class _Teller(io.TextIOBase):
    """Takes what UMAP prints and tells how far it is."""

    def write(self, text: str) -> int:
        found = [step for words, step in STEPS.items() if words in text]
        done = _PERCENT.search(text)
        if found:
            tell(*found[0])
        elif done is not None:
            tell(0.5 + 0.5 * int(done[1]) / 100, f"layout {done[1]} %")
        return len(text)


def _work(sent: bytes) -> bytes:
    head, _, values = sent.partition(b"\n")
    options: dict[str, Any] = json.loads(head)
    x = np.frombuffer(values, dtype=np.float32).reshape(options["shape"])
    sys.stdout = _Teller()
    tell(0.02, "loading the library")
    import umap  # compiles for seconds

    tell(0.15, "compiling")
    with warnings.catch_warnings():
        # a seed, which turns off threads, is what we want: one thread is all it may use
        warnings.simplefilter("ignore")
        xy = umap.UMAP(
            n_neighbors=options["neighbours"],
            min_dist=0.1,
            random_state=options["seed"],
            n_jobs=1,
            init="pca",
            verbose=True,
            tqdm_kwds={"file": sys.stdout, "mininterval": 0.2, "disable": False},
        ).fit_transform(x)
    return np.ascontiguousarray(xy, dtype=np.float64).tobytes()


if __name__ == "__main__":
    serve(_work)
