r"""Kernel width chosen by the data: at which a random tenth of the structures covers the rest.

The bandwidth h decides every number that comes out of the kernel. Where it is too narrow, every
environment is new and coverage is the budget, whatever is kept; where it is too wide, anything
covers everything. In between lies a width at which it matters what is kept. The rule here looks
for it without labels, cells or units: the width at which a random tenth of the structures covers
nine tenths of the environments held out.

For one environment y held out and the environments :math:`x_j` kept there is one width from which
on y is covered: that at which :math:`\sum_j K(y, x_j)` reaches :math:`e^{-10^{-5}}`. The width at
which a share a is covered is the a-quantile of these, so there is nothing to search for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from analytics.descriptors.base import Descriptors, suggested_bandwidth
from analytics.information.kernel import AUTO, COVERED_BELOW, PUBLISHED, KernelSpec
from analytics.runtime.arrays import FloatArray, IntArray, frozen, ragged_rows
from analytics.runtime.compiled import kernel
from analytics.runtime.errors import InputError
from analytics.runtime.value import Value

__all__ = ["AIM", "GIVEN", "SHARE", "Width", "auto_bandwidth", "width_asked"]

#: The share of the structures that is drawn, and the share of the rest that it is to cover.
SHARE, AIM = 0.1, 0.9
#: Random draws, and pairs of environments held out and kept over all of them.
RESAMPLES, PAIRS = 8, 4_000_000
#: Environments held out in each draw, whatever the pairs.
FEWEST = 100
#: With fewer structures than this a tenth is one or two, and chance decides which.
FEW_STRUCTURES = 20
#: Environments nearer than this share of their length are copies: what is between them is rounding.
ROUNDING = 1e-4
#: With fewer environments drawn than this none is in company, and a lone neighbour at a distance r
#: covers only from 220 r on: the width would be one at which everything is alike.
FEW_DRAWN = 10
#: With fewer environments held out that are no copies there is no quantile to speak of.
FEW_ENVIRONMENTS = 10
#: Draws that differ by more than this factor leave more open than the range of the figures shows.
UNSURE = 2.0
#: Rows that lengths are added up of at once.
CHUNK = 8192
#: Digits kept of a width: more would be noise, and differ between processors.
DIGITS = 3
#: A width that the user gave as a number.
GIVEN = "given"


@dataclass(frozen=True, slots=True)
class Width(Value):
    """The width of the kernel in use, how it was chosen, and what else it might have been.

    Attributes
    ----------
    value : float
        In use, in the unit of the descriptor.
    asked : str
        "auto" (the rule of this module), "published" or "given".
    auto : float
        What the rule says.
    low, high : float
        One standard deviation below and above it, over random draws of a tenth.
    published : float or None
        The width that the descriptor is published with; None if there is none.
    share, aim : float
        The rule: a random `share` of the structures covers `aim` of the environments held out.
    critical : float array (k,)
        Ascending: the widths from which on each environment held out is covered by the random
        share that was drawn; 0 for copies of one drawn.
    copies : float
        Share of the environments held out that have a copy among those drawn, which no width can
        tell apart; the rule leaves them out.
    n_structures : int
    doubt : str
        Why the rule has no firm answer for these data, in a few words; empty where it has.
    """

    value: float
    asked: str
    auto: float
    low: float
    high: float
    published: float | None
    share: float
    aim: float
    critical: FloatArray
    copies: float
    n_structures: int
    doubt: str = ""

    def _facts(self) -> Iterator[str]:
        yield f"h = {self.value:g}"
        yield self.asked
        yield f"auto {self.auto:g} ({self.low:.3g} to {self.high:.3g})"
        if self.doubt:
            yield self.doubt

    @property
    def alike(self) -> float:
        """The unit in which two environments are called the same: near-duplicates, conflicts.

        Whether two structures are the same is no matter of how varied the others are, so this is
        the published width unless another number is asked for; the one in use without either.
        """
        return self.value if self.asked == GIVEN or self.published is None else self.published

    def coverage(self, bandwidth: float | None = None) -> float:
        """Return which share of what is held out a random tenth covers at a width.

        By the threshold of the rule (delta entropies below 1e-5 nats), whatever `covered_below` of
        the kernel in use: the width does not depend on it. Copies count. NaN where nothing could be
        held out.
        """
        if not len(self.critical):
            return float("nan")
        h = self.value if bandwidth is None else bandwidth
        return float(np.searchsorted(self.critical, h, side="right") / len(self.critical))

    def taken(self, spec: KernelSpec) -> Width:
        """Return it with the width that a spec asks for.

        Raises
        ------
        InputError
            If it asks for the published one, and there is none.
        """
        if spec.bandwidth == AUTO:
            return replace(self, value=self.auto, asked=AUTO)
        if spec.bandwidth == PUBLISHED:
            if self.published is None:
                raise InputError("this descriptor has no published bandwidth: say auto or a number")
            return replace(self, value=self.published, asked=PUBLISHED)
        return replace(self, value=float(spec.bandwidth), asked=GIVEN)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON; the curve of coverage is at a few widths around."""
        return {
            "bandwidth": self.value,
            "asked": self.asked,
            "alike": self.alike,
            "auto": self.auto,
            "auto_low": self.low,
            "auto_high": self.high,
            "published": self.published,
            "random_share": self.share,
            "aim": self.aim,
            "aim_covered_below": COVERED_BELOW,
            "coverage": _known(self.coverage()),
            "coverage_at_published": None
            if self.published is None
            else _known(self.coverage(self.published)),
            "copies": self.copies,
            "doubt": self.doubt,
        }


def auto_bandwidth(
    descriptors: Descriptors,
    *,
    order: IntArray | None = None,
    share: float = SHARE,
    aim: float = AIM,
    resamples: int = RESAMPLES,
    pairs: int = PAIRS,
    seed: int = 0,
) -> Width:
    """Choose the width at which a random share of the structures covers `aim` of the rest.

    Parameters
    ----------
    descriptors : Descriptors
    order : int array (m,), optional
        The structures in an order that does not depend on the file, such as
        `analytics.data.content.content_order` without labels: the answer then does not either.
    share : float
        Of the structures, drawn at random; at least one.
    aim : float
        Share of the environments held out that is to be covered. Those that have a copy among the
        environments drawn are left out.
    resamples : int
        Random draws. The answer is the geometric mean over them.
    pairs : int
        Pairs of environments looked at, over all draws; of more a part of those held out is drawn.
    seed : int

    Notes
    -----
    O(pairs (d + 10)) time, or 800 times as many as are drawn in one draw where that is more. The
    draws differ by 3 to 30 % in the width; `low` and `high` say by how much, and `doubt` where it
    is more than a factor of two (sets of a few kinds that a tenth may miss altogether). Of one
    structure the environments are drawn. Where all held out are copies of those drawn there is
    nothing to choose by: the published width is taken, or one hundredth of their length. It is
    also taken, where there is one, if a draw holds fewer than 10 environments.
    """
    x, offsets = descriptors.values, descriptors.structure_offsets
    m, published = descriptors.n_structures, suggested_bandwidth(descriptors.spec)
    order = np.arange(m) if order is None else order
    length = _length(x)
    doubt = ""
    if m < FEW_STRUCTURES:
        doubt = "1 structure" if m == 1 else f"{m} structures"
        doubt = f"only {doubt}: which of them are drawn decides"
    if m == 1:
        offsets, order = np.arange(len(x) + 1), np.arange(len(x))
    found = [
        _critical(x, offsets, order, share, pairs // resamples, ROUNDING * length, (seed, at))
        for at in range(resamples)
        if len(order) > 1
    ]
    distinct = [each[each > 0] for each in found]
    critical = np.sort(np.concatenate(found)) if found else np.empty(0)
    usable = [each for each in distinct if len(each) >= FEW_ENVIRONMENTS]
    if not usable:  # few environments: all draws together
        usable = [each for each in (critical[critical > 0],) if len(each)]
        doubt = doubt or "too few environments differ by more than rounding"
    if usable:
        logs = np.log([np.quantile(each, aim) for each in usable])
        middle, spread = logs.mean(), logs.std(ddof=1) if len(logs) > 1 else 0.0
    else:
        middle, spread = np.log(published or 0.01 * length or 1.0), 0.0
        doubt = "all environments held out have copies among those drawn, at any width"
    drawn = max(1, round(share * len(order))) * len(x) / max(1, len(order))
    if usable and published is not None and drawn < FEW_DRAWN:
        middle, spread = np.log(published), 0.0
        doubt = f"a random tenth holds only {drawn:.0f} environments: the published width"
    if spread > np.log(UNSURE):
        doubt = doubt or (
            f"draws of a tenth of the structures differ by more than a factor of {UNSURE:g}"
        )
    copies = float((critical == 0).mean()) if len(critical) else 0.0
    value = _rounded(float(np.exp(middle)))
    return Width(
        value=value,
        asked=AUTO,
        auto=value,
        low=_rounded(float(np.exp(middle - spread))),
        high=_rounded(float(np.exp(middle + spread))),
        published=published,
        share=share,
        aim=aim,
        critical=frozen(critical),
        copies=copies,
        n_structures=m,
        doubt=doubt,
    )


def width_asked(
    descriptors: Descriptors, spec: KernelSpec, *, order: IntArray | None = None
) -> Width:
    """Return the width that a spec asks for; see `auto_bandwidth`."""
    return auto_bandwidth(descriptors, order=order).taken(spec)


def _length(x: FloatArray) -> float:
    """Return the root mean square length of rows, some at a time."""
    squares = (np.vdot(x[at : at + CHUNK], x[at : at + CHUNK]) for at in range(0, len(x), CHUNK))
    return float(np.sqrt(sum(map(float, squares)) / len(x))) if x.size else 0.0


def _critical(
    x: FloatArray,
    offsets: IntArray,
    order: IntArray,
    share: float,
    pairs: int,
    rounding: float,
    seed: tuple[int, int],
) -> FloatArray:
    """Return the widths from which on environments held out are covered, for one random draw."""
    rng = np.random.default_rng(seed)
    dealt = order[rng.permutation(len(order))]
    size = min(len(order) - 1, max(1, round(share * len(order))))
    drawn, left = (ragged_rows(offsets, part) for part in (dealt[:size], dealt[size:]))
    rows = max(FEWEST, pairs // max(1, len(drawn)))
    if rows < len(left):
        left = left[rng.choice(len(left), rows, replace=False)]
    kept, rest = x[drawn], x[left]
    centre = kept.mean(axis=0)
    kept -= centre
    rest -= centre
    norms = np.einsum("ij,ij->i", kept, kept)
    found = np.empty(len(rest))
    step = max(1, 4_000_000 // len(kept))
    for start in range(0, len(rest), step):
        some = rest[start : start + step]
        squares = np.einsum("ij,ij->i", some, some)[:, None] + norms - 2.0 * (some @ kept.T)
        _solve(np.maximum(squares, 0.0), -COVERED_BELOW, found[start : start + step])
    found[found < rounding] = 0.0
    return found


@kernel
def _solve(squares, target, widths):  # type: ignore[no-untyped-def]
    """Find for each row of squared distances the h at which ln sum exp(-d^2 / 2 h^2) = target.

    Newton's method in s = 1 / 2 h^2, from the answer of the row before: the logarithm is convex and
    falls with s, so that from the first step on the root is approached from below and never passed.
    Terms that are negligible then stay so, and are dropped. Rows covered at any width get 0.
    """
    rows, n = squares.shape
    near = np.empty(n)
    before = 0.0
    for i in range(rows):
        least = squares[i].min()
        for j in range(n):
            near[j] = squares[i, j] - least
        left, s = n, before
        for turn in range(200):
            total, mean, stay = 0.0, 0.0, 0
            for j in range(left):
                exponent = s * near[j]
                if exponent < 40.0:
                    term = np.exp(-exponent)
                    total += term
                    mean += term * near[j]
                    if turn > 0:
                        near[stay] = near[j]
                        stay += 1
            if turn > 0:
                left = stay
            slope = least + mean / total
            rise = np.log(total) - s * least - target
            if slope <= 0.0:  # copies only: covered at any width
                s = np.inf
                break
            step = rise / slope
            s = max(0.0, s + step)
            if abs(step) <= 1e-7 * s:
                break
        widths[i] = 0.0 if s == np.inf else np.sqrt(0.5 / s)
        before = 0.0 if s == np.inf else s


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS - 1}e}")


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None
