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
from collections.abc import Callable

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


#: Those that take arguments of their own: nothing else is run with them.
WITH_ARGUMENTS = {
    "checks": checks.main,
    "potentials": potentials.main,
    "classroom": classroom.main,
    "page": page.main,
    "check": lambda names: check_speed.main([int(name) for name in names]),
    "large_sets": large_sets.main,
    "recommended": recommended.main,
    "claims": claims.main,
    "learned_features": learned_features.main,
    "calibration": calibration.main,
}


def usage() -> str:
    """Say how benchmarks are named, what each answers, and which of them take long."""
    lines, told = [str(__doc__).strip()], set[str]()
    for title, some in (
        ("Run where none is named", ALL),
        ("Half an hour and more", LONG),
        ("With arguments of their own", WITH_ARGUMENTS),
    ):
        lines += ["", f"{title}:"]
        lines += [f"  {name:18}{_subject(act)}" for name, act in some.items() if name not in told]
        told |= some.keys()
    return "\n".join(lines)


def _subject(act: Callable[..., object]) -> str:
    """Return the first line of what a benchmark says of itself."""
    own = act.__doc__ if act.__name__ != "main" else None
    module = check_speed if act is WITH_ARGUMENTS["check"] else sys.modules[act.__module__]
    return (own or str(module.__doc__)).strip().splitlines()[0]


def main(names: list[str]) -> int:
    if not {"-h", "--help"}.isdisjoint(names[:1]):
        print(usage())
        return 0
    if names and names[0] in WITH_ARGUMENTS:
        WITH_ARGUMENTS[names[0]](names[1:])
        return 0
    known = ALL | LONG
    unknown = [name for name in names if name not in known]
    if unknown:
        print(
            f"no benchmark {', '.join(unknown)}; there are {', '.join(known | WITH_ARGUMENTS)}",
            file=sys.stderr,
        )
        return 2
    for at, name in enumerate(names or ALL):
        print("\n" * (at > 0), end="")
        known[name]()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
