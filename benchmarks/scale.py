"""How cost grows with the size of a set, and what half a million environments take.

    python -m benchmarks.scale [growth] [wide] [covered] [methods] [entropy] [large] [rounds]
        [selections] [stream] [analysis]

growth: every step at four sizes, random structures of the largest set; the last line is the
exponent of n fitted to each column. wide: entropy and diversity exactly and within a certified
error, at four sizes and three widths of the kernel, with what is certified and the true error, and
within what the log sums of 95 % of the environments are (nats). covered: coverage and mean delta
entropy given a random tenth of the structures, exactly and within certified errors (nats, and a
tenth of that as a share of the environments), at four sizes and four widths, the published one
first; the exponents of n are of the exact sums, then of both errors. methods: the same for every
selection method that is registered, a tenth of the structures of an alloy set. entropy: 5 x 10^4
environments next to quests at the faster of the two batch sizes that do best on 10^4 of them,
taking turns. large: the whole set, from the file to a table of three selections, the exact entropy,
the time that a cancel takes, and the memory. rounds: a tenth of ever larger shares of the
structures in two rounds, with and without its certificate, and in one part, which is plain greedy;
the memory is the most that was taken until then. selections: one per cent of ever larger sets from
`benchmarks large_sets`, facility location from a sampled demand with what is certified for the
whole set; the last column is what the steeper of two exponents (of all sizes, of the last two)
foretells for a million structures. stream: large sets read, checked and described in blocks on
disk, see `benchmarks.stream`. analysis: ever larger sets from the file to figures with standard
errors, descriptors in blocks on disk, see `benchmarks.large_analysis`.

Seconds of wall clock, and of processor time where other work on the machine would mislead.
"""

from __future__ import annotations

import os
import resource
import statistics
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import winnow_atomistic as winnow
from analytics.cluster.two_rounds import TwoRoundSpec, select_in_two_rounds, usual_parts
from analytics.descriptors.base import Descriptors
from analytics.evaluation.embedding import embed_pca
from analytics.evaluation.prefixes import budget_grid, prefix_metrics
from analytics.information.analysis import Analysis, analyse, dataset_width, refine
from analytics.information.bounded_coverage import bounded_coverage
from analytics.information.bounded_sums import bounded_kernel_sums
from analytics.information.entropy import diversity_of_sums, entropy_of_sums
from analytics.information.kernel import (
    COVERED_BELOW,
    CUT,
    kernel_sums,
    log_kernel_sums,
    near_share,
)
from analytics.information.mean_delta_entropy import capped_delta_entropy
from analytics.information.sampling import draw_sample
from analytics.information.structure_kernel import COARSE_CUT, structure_kernel
from analytics.runtime.arrays import ragged_rows
from analytics.runtime.errors import Cancelled
from benchmarks.kernel import BATCHES, DATA
from benchmarks.large_analysis import analysis
from benchmarks.stream import stream

LARGE = "wbe_snap2019.xyz.gz"
ALLOY, SIZES = "nbmotaw_train.xyz.gz", (330, 660, 1320, 2640)
ENTROPY = ("nbmotaw_train.xyz.gz", LARGE)
ENVIRONMENTS, PROBED = 50_000, 10_000
ROUNDED = (0.0625, 0.125, 0.25)
SHARES = (0.125, 0.25, 0.5, 1.0)
SAMPLE = 2_000
WIDER, ERROR, CONFIDENCE = (1.0, 2.0, 4.0), 0.01, 0.99
PUBLISHED, COVERED_ERRORS = 0.015, (0.01, 0.1)


def clock(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """Return the result, the seconds on the wall and those of the processors."""
    wall, used = time.perf_counter(), time.process_time()
    result = work()
    return result, time.perf_counter() - wall, time.process_time() - used


def some_structures(described: Descriptors, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Return values and offsets of a random share of the structures, in the order of the file."""
    rng = np.random.default_rng(0)
    m = described.n_structures
    chosen = np.sort(rng.choice(m, round(share * m), replace=False))
    offsets = described.structure_offsets
    sizes = np.diff(offsets)[chosen]
    return described.values[ragged_rows(offsets, chosen)], np.append(0, np.cumsum(sizes))


def growth() -> None:
    described = winnow.describe(winnow.read(DATA / LARGE))
    kernel_sums(described.values[:3000])
    print(f"processor seconds for random structures of {LARGE}, d = {described.values.shape[1]}")
    print(
        f"{'structures':>10}{'n':>9}{'near':>7}{'sums':>9}{'ns/pair':>9}"
        f"{f'sampled {SAMPLE}':>14}{'entries':>12}"
    )
    rows = []
    for share in SHARES:
        x, offsets = some_structures(described, share)
        _, _, exact = clock(lambda x=x: kernel_sums(x))
        sample = draw_sample(len(x), SAMPLE, 0)
        kernel, _, sampled = clock(
            lambda x=x, o=offsets, s=sample: structure_kernel(x, o, sample=s, cut=COARSE_CUT)
        )
        near = near_share(x, CUT)
        rows.append((len(x), exact, sampled, kernel.sums.nnz))
        print(
            f"{len(offsets) - 1:10d}{len(x):9d}{near:7.2f}{exact:9.2f}"
            f"{exact / len(x) ** 2 * 2e9:9.2f}{sampled:14.2f}{kernel.sums.nnz:12d}",
            flush=True,
        )
    logs = np.log(np.array(rows, dtype=float))
    slopes = [float(np.polyfit(logs[:, 0], logs[:, k], 1)[0]) for k in (1, 2, 3)]
    print(f"{'n to the':>26}{slopes[0]:9.2f}{'':9}{slopes[1]:14.2f}{slopes[2]:12.2f}")


def wide() -> None:
    data = winnow.read(DATA / LARGE)
    described = winnow.describe(data)
    auto = dataset_width(data, described).auto
    kernel_sums(described.values[:3000])
    bounded_kernel_sums(described.values[:3000])
    print(f"entropy and diversity of random structures of {LARGE}, exactly and within {ERROR} nats")
    print(f"at {CONFIDENCE:.0%}; seconds, load {os.getloadavg()[0]:.1f} at the start")
    print(
        f"{'h':>7}{'n':>9}{'near':>6}{'exact':>8}{'CPU':>8}{'bounded':>9}{'CPU':>7}{'ratio':>7}"
        f"{'summed':>8}{'H ±':>9}{'true':>9}{'D ±':>9}{'true':>9}{'95 % ±':>8}"
    )
    for factor in WIDER:
        rows, h = [], factor * auto
        for share in SHARES:
            x, _ = some_structures(described, share)
            sums, wall, used = clock(lambda x=x, h=h: kernel_sums(x, bandwidth=h))
            found, our_wall, our_used = clock(
                lambda x=x, h=h: bounded_kernel_sums(
                    x, bandwidth=h, error=ERROR, confidence=CONFIDENCE
                )
            )
            stated = found.certificate
            off_h = abs(stated.entropy.value - entropy_of_sums(sums))
            off_d = abs(stated.diversity.value - diversity_of_sums(sums))
            assert np.all((found.low <= sums) & (sums <= found.high))
            rows.append((len(x), used, our_used))
            print(
                f"{h:7.4f}{len(x):9d}{near_share(x, bandwidth=h):6.2f}{wall:8.1f}{used:8.1f}"
                f"{our_wall:9.1f}{our_used:7.1f}{used / our_used:6.1f}x{stated.summed:8d}"
                f"{stated.entropy.error:9.5f}{off_h:9.5f}{stated.diversity.error:9.5f}{off_d:9.5f}"
                f"{stated.off:8.3f}",
                flush=True,
            )
        logs = np.log(np.array(rows))
        slopes = [float(np.polyfit(logs[:, 0], logs[:, k], 1)[0]) for k in (1, 2)]
        print(f"{'n to the':>30}{slopes[0]:8.2f}{slopes[1]:16.2f}", flush=True)


def covered() -> None:
    data = winnow.read(DATA / LARGE)
    described = winnow.describe(data)
    auto = dataset_width(data, described).auto
    bounded_coverage(described.values[:3000], np.arange(300))
    print(f"coverage and mean dH given a random tenth of random structures of {LARGE}, exactly and")
    print(
        f"within errors asked for at {CONFIDENCE:.0%}; processor seconds, load "
        f"{os.getloadavg()[0]:.1f} at the start"
    )
    print(
        f"{'h':>7}{'n':>9}{'exact':>8}{'asked':>7}{'bounded':>9}{'ratio':>7}{'summed':>8}"
        f"{'covered':>9}{'±':>9}{'true':>9}{'mean dH':>9}{'±':>9}{'true':>9}"
    )
    for h in (PUBLISHED, *(factor * auto for factor in WIDER)):
        rows = []
        for share in SHARES:
            x, offsets = some_structures(described, share)
            count = len(offsets) - 1
            kept = ragged_rows(offsets, np.random.default_rng(1).permutation(count)[: count // 10])
            logs, _, used = clock(
                lambda x=x, h=h, kept=kept: log_kernel_sums(x, x[kept], bandwidth=h)
            )
            inside = float((-logs < COVERED_BELOW).mean())
            missing = float(capped_delta_entropy(logs).mean())
            times = [len(x), used]
            for error in COVERED_ERRORS:
                found, _, our_used = clock(
                    lambda x=x, h=h, kept=kept, error=error: bounded_coverage(
                        x, kept, bandwidth=h, error=error, share=0.1 * error, confidence=CONFIDENCE
                    )
                )
                times.append(our_used)
                said = "".join(
                    f"{each.value:9.4f}{each.error:9.5f}{abs(each.value - true):9.5f}"
                    for each, true in (
                        (found.coverage, inside),
                        (found.mean_delta_entropy, missing),
                    )
                )
                print(
                    f"{h:7.4f}{len(x):9d}{used:8.1f}{error:7g}{our_used:9.1f}"
                    f"{used / our_used:6.1f}x{found.summed:8d}{said}",
                    flush=True,
                )
            rows.append(times)
        logs = np.log(np.array(rows))
        slopes = [float(np.polyfit(logs[:, 0], logs[:, k], 1)[0]) for k in range(1, logs.shape[1])]
        print("n to the " + ", ".join(f"{slope:.2f}" for slope in slopes), flush=True)


def methods() -> None:
    """Time every method at four sizes; what an analysis holds already is not counted."""
    whole = winnow.read(DATA / ALLOY)
    drawn = np.random.default_rng(0).permutation(whole.n_structures)
    sets = [whole.take(np.sort(drawn[:size])) for size in SIZES]
    parts = [analyse(each, winnow.describe(each)) for each in sets]
    environments = np.log([part.n_environments for part in parts])
    print(f"processor seconds to pick a tenth of random structures of {ALLOY}")
    print(f"{'method':24}" + "".join(f"{size:>10}" for size in SIZES) + f"{'n to the':>12}")
    for name in winnow.METHODS:
        times = []
        for part in [parts[0], *parts]:  # the first time compiles
            _, _, used = clock(
                lambda part=part, name=name: winnow.select(part, name, size=part.n_structures // 10)
            )
            times.append(max(used, 1e-4))
        slope = float(np.polyfit(environments, np.log(times[1:]), 1)[0])
        print(
            f"{name:24}" + "".join(f"{t:10.2f}" for t in times[1:]) + f"{slope:12.2f}", flush=True
        )


def entropy() -> None:
    from quests.entropy import entropy as theirs

    theirs(np.zeros((4, 63)), h=0.015, batch_size=2)
    winnow.entropy(np.random.default_rng(0).normal(size=(600, 63)))
    print(f"entropy of {ENVIRONMENTS} environments: seconds on the wall and of the processors,")
    print(f"quests at its best batch; load {os.getloadavg()[0]:.1f} at the start")
    print(
        f"{'':22}{'ours':>8}{'CPU':>8}{'quests':>9}{'CPU':>8}{'batch':>7}{'ratio':>8}{'CPU':>8}"
        f"{'|dH|/nats':>11}"
    )
    for name in ENTROPY:
        described = winnow.describe(winnow.read(DATA / name))
        share = ENVIRONMENTS / described.n_environments
        x, _ = some_structures(described, min(1.0, 1.1 * share))
        x = np.ascontiguousarray(x[:ENVIRONMENTS], dtype=np.float64)
        part = x[: len(x) * PROBED // ENVIRONMENTS]
        probes = sorted(
            (clock(lambda p=part, b=batch: theirs(p, h=0.015, batch_size=b))[2], batch)
            for batch in BATCHES
        )
        ours, best, difference = [], (np.inf, np.inf, 0), 0.0
        for _, batch in probes[:2]:
            mine, *seconds = clock(lambda x=x: winnow.entropy(x))
            ours.append(seconds)
            found, *seconds = clock(lambda x=x, b=batch: theirs(x, h=0.015, batch_size=b))
            best = min(best, (*seconds, batch), key=lambda one: one[1])
            difference = abs(mine - float(found))
        ours.append(clock(lambda x=x: winnow.entropy(x))[1:])
        wall, used = (statistics.median(column) for column in zip(*ours, strict=True))
        print(
            f"{name:22}{wall:8.2f}{used:8.2f}{best[0]:9.2f}{best[1]:8.2f}{best[2]:7d}"
            f"{best[0] / wall:7.1f}x{best[1] / used:7.1f}x{difference:11.1e}",
            flush=True,
        )


class _Stopwatch:
    """A monitor that wants to stop after some seconds and notes when it was asked."""

    def __init__(self, seconds: float) -> None:
        self._due = time.perf_counter() + seconds
        self.wanted = 0.0

    def report(self, fraction: float, message: str = "") -> None:
        """Do nothing."""

    def checkpoint(self) -> None:
        """Stop when it is time."""
        if time.perf_counter() > self._due:
            self.wanted = self._due
            raise Cancelled


def cancel_delay(work: Callable[[Any], object], after: float) -> float:
    """Return the seconds from the wish to stop to the end."""
    watch = _Stopwatch(after)
    try:
        work(watch)
    except Cancelled:
        return time.perf_counter() - watch.wanted
    return float("nan")


def large() -> None:
    start = time.perf_counter()

    def tell(step: str, wall: float, used: float, note: str = "") -> None:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(
            f"{step:36}{wall:8.1f}{used:8.1f}{time.perf_counter() - start:8.1f}{peak:8.2f}  {note}",
            flush=True,
        )

    def step(name: str, work: Callable[[], Any], note: Callable[[Any], str] = lambda _: "") -> Any:
        result, wall, used = clock(work)
        tell(name, wall, used, note(result))
        return result

    print(f"{LARGE}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start")
    print(f"{'':36}{'wall/s':>8}{'cpu/s':>8}{'so far':>8}{'GB':>8}")
    data = step("read", lambda: winnow.read(DATA / LARGE))
    x = step("describe", lambda: winnow.describe(data), lambda x: f"{x.n_environments}")
    analysis: Analysis = step("analyse", lambda: analyse(data, x), entropy_note)
    step("principal components", lambda: embed_pca(x, seed=0))
    size = round(0.1 * analysis.n_structures)
    chosen = {}
    for method in ("random", "facility_location", "largest_force"):
        chosen[method] = step(
            f"{method}, {size} structures",
            lambda method=method: winnow.select(analysis, method, size=size),
        )
        step(
            "  its retention curve",
            lambda method=method: prefix_metrics(
                analysis, chosen[method].positions, budget_grid(size)
            ),
            lambda f: f"coverage {f.overlap[-1]:.4f} +- {f.overlap_error[-1]:.4f}",
        )
    tell("first picture", time.perf_counter() - start, 0.0)
    step("exact entropy and outlier scores", lambda: refine(analysis), entropy_note)
    delay = cancel_delay(lambda monitor: refine(analysis, monitor=monitor), 3.0)
    tell("cancel of the exact entropy", delay, 0.0)
    delay = cancel_delay(lambda monitor: analyse(data, x, monitor=monitor), 5.0)
    tell("cancel of the sampled analysis", delay, 0.0, f"{threading.active_count()} thread")


def entropy_note(analysis: Analysis) -> str:
    error, sampled = analysis.entropy_error, analysis.sampled
    exact = "exact" if analysis.exact else f"+- {error:.3f}, {sampled} sampled"
    return f"H = {analysis.entropy_nats:.4f} {exact}"


def rounds() -> None:
    data = winnow.read(DATA / LARGE)
    dealt = np.random.default_rng(0).permutation(data.n_structures)
    print(f"a tenth of random structures of {LARGE} in parts, h = 0.015, facility location")
    print(
        f"{'structures':>10}{'n':>9}{'parts':>7}{'bound':>7}{'wall/s':>9}{'cpu/s':>9}{'GB':>7}{'value':>12}"
    )
    for share in ROUNDED:
        part = data.take(np.sort(dealt[: round(share * data.n_structures)]))
        described = winnow.describe(part)
        size = round(0.1 * part.n_structures)
        several = usual_parts(part.n_structures, size)
        for parts, certify in ((several, False), (several, True), (1, False)):  # the least first
            picked, wall, used = clock(
                lambda x=described, size=size, parts=parts, certify=certify: select_in_two_rounds(
                    x, size, TwoRoundSpec(parts=parts), certify=certify
                )
            )
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
            bound = f"{picked.gains.sum() / picked.bound[-1]:.1%}" if certify else ""
            print(
                f"{part.n_structures:10d}{described.n_environments:9d}{parts:7d}{bound:>7}{wall:9.1f}"
                f"{used:9.1f}{peak:7.2f}{picked.gains.sum():12.1f}",
                flush=True,
            )


def selections() -> None:
    from benchmarks.large_selections import selections as measured  # it needs what is above

    measured()


ALL = {
    "growth": growth,
    "wide": wide,
    "covered": covered,
    "methods": methods,
    "entropy": entropy,
    "large": large,
    "rounds": rounds,
    "selections": selections,
    "stream": stream,
    "analysis": analysis,
}


def main(names: list[str] | None = None) -> None:
    if not (DATA / LARGE).is_file():
        print(f"no {LARGE} in {DATA}; WINNOW_DATA names another folder")
        return
    for name in names or ALL:
        ALL[name]()
        print()


if __name__ == "__main__":
    main(sys.argv[1:])
