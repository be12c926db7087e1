"""`python -m benchmarks` (or `make bench`): all benchmarks, or those named."""

from __future__ import annotations

import sys

from benchmarks import descriptors, kernel

ALL = {"descriptors": descriptors.main, "kernel": kernel.main}


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in ALL]
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there are {', '.join(ALL)}", file=sys.stderr)
        return 2
    for at, name in enumerate(names or ALL):
        print("\n" * (at > 0), end="")
        ALL[name]()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
