"""The pruning of electron densities, all methods on all systems: the golden table.

    python -m benchmarks density               measure, and print next to the published recipe
    python -m benchmarks.density --save        also renew the results that come with Winnow
    python -m benchmarks.density al --steps 500 --seeds 1

Every model is the same network trained for the same number of steps; the errors are integrated
absolute errors in % of the electrons on the test snapshots, mean over the seeds. The figures in
parentheses were measured before Winnow had this code, with another implementation of the same
recipe, 2,500 steps: they are what to compare with, not what to hit to the digit. With PySCF the
errors in energy are computed as well. Times of training are processor times, which differ by about
a tenth between like models. Expect half an hour on two cores.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import replace

import numpy as np

from analytics.density.claims import check_claims
from analytics.density.descriptor import describe_points
from analytics.density.energy_check import energies_possible
from analytics.density.readers import EMBEDDED, read_density
from analytics.density.results import FILE as RESULTS
from analytics.density.results import DensityResults, collect, load_results, save_results
from analytics.density.study import FULL, Study, compare_density, prepare_study, spec_for
from analytics.density.surrogate import NetworkSpec

KEPT = (0.5, 0.1, 0.05, 0.01, 0.005, 0.001)
METHODS = ("random", "ccs", "grand", "el2n", "farthest_point", "kmeans", "log_density")
#: Coverage-centric selection with the settings that do not suit the system, for contrast.
CONTRAST = ("ccs:beta=0.1:scale=linear", "ccs:beta=0:scale=log")
SNAPSHOT_METHODS = ("random", "ccs", "grand", "farthest_point")
SNAPSHOT_KEPT = (0.5, 0.25, 0.1, 0.05)
SEEDS, STEPS = 3, 2500
LINEAR, LOG = CONTRAST
ORDER = ("al", "sigesn", "water", "ethanol")
#: (unit, method, kept): % of the electrons for al, sigesn, water, ethanol.
RECIPE: dict[tuple[str, str, float], tuple[float | None, ...]] = {
    ("points", FULL, 1.0): (0.60, 3.22, 3.05, 4.41),
    ("points", "random", 0.5): (0.60, 3.30, 3.23, 4.60),
    ("points", "grand", 0.5): (0.61, 3.55, 2.62, 3.93),
    ("points", "random", 0.1): (0.61, 3.36, 3.89, 6.17),
    ("points", LINEAR, 0.1): (0.64, 3.79, 56, 27),
    ("points", LOG, 0.1): (0.73, 4.1, 2.4, 3.8),
    ("points", "grand", 0.1): (0.98, 9.0, 3.2, 5.0),
    ("points", "el2n", 0.1): (1.07, 7.8, 3.1, 4.6),
    ("points", "farthest_point", 0.1): (0.61, 3.33, 17, 4.9),
    ("snapshots", "random", 0.1): (0.98, 22.4, 3.95, 6.5),
    ("points", "random", 0.05): (0.65, 3.66, 4.9, 7.9),
    ("points", LINEAR, 0.05): (0.67, 4.02, 58, 32),
    ("points", "grand", 0.05): (1.43, 15.7, 15, 8.5),
    ("points", "random", 0.01): (0.87, 6.5, 12.3, 17.1),
    ("points", LINEAR, 0.01): (0.88, 6.5, 66, 44),
    ("points", LOG, 0.01): (1.26, 7.8, 3.7, 9.0),
    ("points", "log_density", 0.01): (2.2, 8.1, 3.2, 8.7),
    ("points", "grand", 0.01): (16.8, 31.7, 1294, 86),
    ("points", "farthest_point", 0.01): (0.99, 7.1, 53, 7.2),
    ("points", "random", 0.005): (1.17, 8.9, 26, 27),
    ("points", LINEAR, 0.005): (1.28, 8.8, 69, 51),
    ("points", "grand", 0.005): (26.6, 37, 1326, 191),
    ("points", "random", 0.001): (3.0, 16.5, 41, 45),
    ("points", LINEAR, 0.001): (3.0, 15.3, 77, 71),
    ("points", "grand", 0.001): (20, 82, 2001, 887),
}


# ------------------------------------------------------------------------------- measuring


def speed(study: Study) -> float:
    """Return described points per second of CPU time, one core."""
    data, best = study.data, np.inf
    points = data.points_of(0)
    for _ in range(3):
        start = time.process_time()
        describe_points(data, 0, points, study.spec.points)
        best = min(best, time.process_time() - start)
    return len(points) / best


def measure(system: str, steps: int, seeds: int) -> list[DensityResults]:
    start = time.perf_counter()
    data = read_density(system)
    base = spec_for(
        data,
        methods=(*METHODS, *CONTRAST),
        kept=KEPT,
        seeds=seeds,
        network=NetworkSpec(steps=steps),
        third=True,
        energy=not energies_possible(data),
    )
    study = prepare_study(data, base)
    found = [collect(study, compare_density(study))]
    whole = replace(
        base, unit="snapshots", methods=SNAPSHOT_METHODS, kept=SNAPSHOT_KEPT, third=False
    )
    by_snapshot = replace(study, spec=whole)
    found.append(collect(by_snapshot, compare_density(by_snapshot), dimension=False))
    models = sum(len(r.rows) for r in found)
    print(
        f"{system}: {models} models in {time.perf_counter() - start:.0f} s, "
        f"{speed(study):,.0f} points described per second of one core, load average "
        f"{os.getloadavg()[0]:.1f}",
        flush=True,
    )
    return found


# ------------------------------------------------------------------------------- printing


def figure(results: list[DensityResults], unit: str, method: str, kept: float) -> float | None:
    for found in results:
        if found.unit != unit:
            continue
        table = found.summary()
        rows = table[(table["method"] == method) & np.isclose(table["kept"], kept)]
        if len(rows):
            return float(rows["density_error_pct_mean"].iloc[0])
    return None


def print_table(results: dict[str, list[DensityResults]]) -> None:
    print(f"\nintegrated absolute error, % of the electrons (recipe)\n{'':44}", end="")
    print("".join(f"{system:>20}" for system in results))
    keys = dict.fromkeys(
        (found.unit, row["method"], row["kept"])
        for several in results.values() for found in several for row in found.rows
    )  # fmt: skip
    for unit, method, kept in sorted(keys, key=lambda k: (k[0], -k[2], k[1])):
        line = f"{unit:10}{method:27}{100 * kept:5.4g} %"
        for system, found in results.items():
            value = figure(found, unit, method, kept)
            known = RECIPE.get((unit, method, kept), (None,) * 4)[ORDER.index(system)]
            old = "" if known is None else f" ({known:g})"
            line += f"{('-' if value is None else f'{value:.3g}') + old:>20}"
        print(line)


def print_energies(results: dict[str, list[DensityResults]]) -> None:
    for system, found in results.items():
        points = found[0]
        baseline = points.facts["baseline_energy_error_mev_atom"]
        if not np.isfinite(baseline):
            continue
        print(f"\n{system}: errors in energy, meV/atom; fitted spherical atoms {baseline:.2f}")
        table = points.summary()
        for row in table[table["kept"].isin([1.0, 0.1, 0.01])].to_dict(orient="records"):
            mean, spread = (row[f"energy_error_mev_atom_{what}"] for what in ("mean", "std"))
            print(f"  {row['method']:27}{100 * row['kept']:5.4g} %{mean:12.2f} ± {spread:.2g}")


def print_claims(results: dict[str, list[DensityResults]]) -> None:
    for system, found in results.items():
        dimension = found[0].facts["intrinsic_dimension"]
        print(f"\n{system}: intrinsic dimension {dimension:.1f} of {found[0].facts['features']}")
        for claim in check_claims(found[0]):
            print(f"  {claim.verdict:15} {claim.statement}\n{'':18}{claim.measured}")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Pruning of electron densities.")
    parser.add_argument("systems", nargs="*", default=list(ORDER))
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--save", action="store_true", help="renew the results that are shipped")
    chosen = parser.parse_args([] if arguments is None else arguments)
    unknown = sorted(set(chosen.systems) - set(EMBEDDED))
    if unknown:
        parser.error(f"no system {', '.join(unknown)}")
    print(f"{chosen.steps} steps, {chosen.seeds} seeds, {os.cpu_count()} cores", flush=True)
    results = {}
    for system in chosen.systems:
        results[system] = measure(system, chosen.steps, chosen.seeds)
        if chosen.save:
            kept = [r for r in (load_results() if RESULTS.is_file() else ())
                    if r.system != system]  # fmt: skip
            everything = [*kept, *results[system]]
            save_results(sorted(everything, key=lambda r: (ORDER.index(r.system), r.unit)))
    print_table(results)
    print_energies(results)
    print_claims(results)


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
