"""`python -m benchmarks` (or `make bench`): all benchmarks, or those named.

`python -m benchmarks checks FOLDER ...` takes files and folders of data sets,
`python -m benchmarks check 100000 ...` numbers of structures, and
`python -m benchmarks large_sets --structures N --into FOLDER [--score] [--check]` makes large sets.
`python -m benchmarks potentials [weights] [SET ...]` names of labelled sets.
`python -m benchmarks page [--times N] [--only GESTURE ...] [carbon] [wbe]` makes gestures N times.
`python -m benchmarks classroom --learners 30 --minutes 4` lets a class take the lessons.
`python -m benchmarks calibration SET ...` and `claims SET ...` take names of labelled sets.
`python -m benchmarks learned_features SET ...` compares features of networks with distances.
"""

from __future__ import annotations

import sys

from benchmarks import (
    bounds,
    calibration,
    check_speed,
    checks,
    claims,
    classroom,
    density,
    descriptors,
    elements,
    influence,
    kernel,
    kill,
    large_sets,
    learned_features,
    load,
    memory,
    neighbours,
    novelty,
    page,
    potentials,
    recommended,
    redundancy,
    replay_set,
    responsiveness,
    retrain,
    scale,
    selections,
    uncertainty,
    width,
    workers,
)

ALL = {
    "descriptors": descriptors.main,
    "kernel": kernel.main,
    "neighbours": neighbours.main,
    "load": load.main,
    "page": page.main,
    "responsiveness": responsiveness.main,
    "scale": scale.main,
    "retrain": retrain.main,
    "selections": selections.main,
    "workers": workers.main,
}
#: Half an hour and more: only where they are named.
LONG = {
    "bounds": bounds.main,
    "influence": influence.main,
    "redundancy": redundancy.main,
    "uncertainty": uncertainty.main,
    "density": density.main,
    "elements": elements.main,
    "kill": kill.main,
    "memory": memory.main,
    "novelty": novelty.main,
    "outlier_scores": novelty.outlier_scores,
    "replay_set": replay_set.main,
    "width": width.main,
}


def main(names: list[str]) -> int:
    if names[:1] == ["checks"]:
        checks.main(names[1:])
        return 0
    if names[:1] == ["potentials"]:
        potentials.main(names[1:])
        return 0
    if names[:1] == ["classroom"]:
        classroom.main(names[1:])
        return 0
    if names[:1] == ["page"]:
        page.main(names[1:])
        return 0
    if names[:1] == ["check"]:
        check_speed.main([int(name) for name in names[1:]])
        return 0
    if names[:1] == ["large_sets"]:
        large_sets.main(names[1:])
        return 0
    if names[:1] == ["recommended"]:
        recommended.main(names[1:])
        return 0
    if names[:1] == ["claims"]:
        claims.main(names[1:])
        return 0
    if names[:1] == ["learned_features"]:
        learned_features.main(names[1:])
        return 0
    if names[:1] == ["calibration"]:
        calibration.main(names[1:])
        return 0
    known = ALL | LONG
    unknown = [name for name in names if name not in known]
    if unknown:
        print(
            f"no benchmark {', '.join(unknown)}; there are {', '.join(known)}, calibration, "
            "check, checks, classroom, large_sets, learned_features, potentials",
            file=sys.stderr,
        )
        return 2
    for at, name in enumerate(names or ALL):
        print("\n" * (at > 0), end="")
        known[name]()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
