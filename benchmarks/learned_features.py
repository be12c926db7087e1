"""Do learned features foretell errors better than distances do?

    python -m benchmarks learned_features                # Ge and acetylacetone
    python -m benchmarks learned_features Cu wbe         # other labelled sets
    python -m benchmarks learned_features --structures 80 --resamples 2

For each set and descriptor: the width that `auto` finds, and how mean delta entropy and coverage at
that width order subsets of a tenth against the force errors of potentials trained on them
(`winnow.calibrate`, Spearman). Descriptors whose package is not installed are left out.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

import winnow_atomistic as winnow
from analytics.descriptors.base import DESCRIPTORS
from analytics.information.kernel import KernelSpec
from analytics.runtime.errors import WinnowError
from benchmarks.labelled_sets import load, present

METRICS = ("mean_delta_entropy", "coverage")


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks learned_features")
    parser.add_argument("sets", nargs="*", metavar="SET")
    parser.add_argument("--structures", type=int, default=120)
    parser.add_argument("--resamples", type=int, default=3)
    parser.add_argument("--descriptors", nargs="+", default=["auto", "soap", "chgnet", "sevennet"])
    asked = parser.parse_args(words)
    print(
        "set, descriptor, ms of processor per atom, h, " + ", ".join(METRICS) + " (and at best h)"
    )
    for name in present(asked.sets or ["Ge", "acac"]):
        data = load(name, structures=asked.structures)
        for descriptor in asked.descriptors:
            began = time.process_time()
            try:
                described = winnow.describe(data, DESCRIPTORS[descriptor][0]())
            except WinnowError as error:
                print(f"{name}, {descriptor}: {error}", flush=True)
                continue
            each = 1e3 * (time.process_time() - began) / described.n_environments
            analysis = winnow.analyse(data, described, KernelSpec())
            found = winnow.calibrate(analysis, resamples=asked.resamples)
            told = [
                "{:.2f} ± {:.2f} ({:.2f} at {:.3g})".format(
                    *found.correlation(metric),
                    found.correlation(metric, found.best(metric))[0],
                    found.best(metric),
                )
                for metric in METRICS
            ]
            said = [name, descriptor, f"{each:.2g}", f"{analysis.spec.bandwidth:.3g}", *told]
            print(", ".join(said), flush=True)


if __name__ == "__main__":
    main()
