"""`python -m benchmarks` (or `make bench`): all benchmarks, or those named.

`python -m benchmarks checks FOLDER ...` takes files and folders of data sets, and
`python -m benchmarks check 100000 ...` numbers of structures.
`python -m benchmarks calibration SET ...` takes names of labelled sets.
"""

from __future__ import annotations

import sys

from benchmarks import (
    calibration,
    check_speed,
    checks,
    density,
    descriptors,
    elements,
    kernel,
    kill,
    load,
    memory,
    neighbours,
    novelty,
    page,
    recommended,
    redundancy,
    replay_set,
    responsiveness,
    retrain,
    scale,
    selections,
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
    "redundancy": redundancy.main,
    "density": density.main,
    "elements": elements.main,
    "kill": kill.main,
    "memory": memory.main,
    "novelty": novelty.main,
    "outlier_scores": novelty.outlier_scores,
    "replay_set": replay_set.main,
}


def main(names: list[str]) -> int:
    if names[:1] == ["checks"]:
        checks.main(names[1:])
        return 0
    if names[:1] == ["check"]:
        check_speed.main([int(name) for name in names[1:]])
        return 0
    if names[:1] == ["recommended"]:
        recommended.main(names[1:])
        return 0
    if names[:1] == ["calibration"]:
        calibration.main(names[1:])
        return 0
    known = ALL | LONG
    unknown = [name for name in names if name not in known]
    if unknown:
        print(
            f"no benchmark {', '.join(unknown)}; there are {', '.join(known)}, calibration, "
            "check, checks",
            file=sys.stderr,
        )
        return 2
    for at, name in enumerate(names or ALL):
        print("\n" * (at > 0), end="")
        known[name]()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
