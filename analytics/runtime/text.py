"""Number formatting: thousands, significant digits, per cent, ± errors, as people read them.

One formatter with two looks: `TERMINAL`, whose spaces can be searched for and cut at, and `PAGE`,
whose narrow ones keep a number and its unit on one line.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["PAGE", "ROUNDING", "TERMINAL", "NumberFormat", "certain_error"]

#: Shares that differ from none or all by less do so by rounding, not by an environment.
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """How numbers are written.

    Attributes
    ----------
    space : str
        Between thousands, and between a number and its unit.
    absent : str
        Where there is no number: for None, NaN and infinity.
    minus : str
        Before what is negative.
    """

    space: str
    absent: str
    minus: str

    def count(self, value: int) -> str:
        """Write a whole number: 24 034."""
        return f"{value:,}".replace(",", self.space)

    def counted(self, value: int, noun: str, several: str = "") -> str:
        """Write a whole number with its noun: 1 structure, 24 034 environments."""
        return f"{self.count(value)} {noun if value == 1 else several or noun + 's'}"

    def number(self, value: float | None, digits: int = 3) -> str:
        """Write a number with so many decimals."""
        if value is None or not math.isfinite(value):
            return self.absent
        value = round(value, digits) + 0.0  # not -0
        return self._signed(f"{value:,.{digits}f}".replace(",", self.space))

    def significant(self, value: float | None, digits: int = 3) -> str:
        """Write so many significant digits, and an exponent where it helps: 0.00123, 1.2e-05."""
        if value is None or not math.isfinite(value):
            return self.absent
        if value == 0:
            return "0"
        power = _power(value, digits)
        if -5 < power < 5:
            return self.number(value, max(0, digits - 1 - power))
        return self._signed(f"{value:.{digits - 1}e}")

    def percent(
        self,
        share: float | None,
        digits: int = 1,
        *,
        sign: bool = True,
        at_least: bool = False,
    ) -> str:
        """Write a share in per cent; 0 % is none, 100 % all, and nothing else: < 0.1 %, > 99.9 %.

        Parameters
        ----------
        share : float or None
            From 0 to 1 where it is one; others (a change) are only rounded.
        digits : int
            Decimals.
        sign : bool
            Whether the sign of the unit follows.
        at_least : bool
            The share is a lower bound: it is rounded down, and what is written holds as well.
        """
        if share is None or not math.isfinite(share):
            return self.absent
        unit = f"{self.space}%" if sign else ""
        if at_least:
            scale = 10.0**digits
            return f"{math.floor(100 * (share + ROUNDING) * scale) / scale:.{digits}f}{unit}"
        rounded, least = round(100 * share, digits) + 0.0, 10.0**-digits
        text = f"{rounded:.{digits}f}"
        if ROUNDING < share < 1 - ROUNDING and rounded in (0, 100):
            near = f"<{self.space}{least:.{digits}f}", f">{self.space}{100 - least:.{digits}f}"
            text = near[int(rounded == 100)]
        return f"{self._signed(text)}{unit}"

    def percent_error(self, error: float, digits: int = 1) -> str:
        """Write the error of a share in per cent, with so many digits."""
        return f"{self.significant(100 * error, digits)}{self.space}%"

    def exact_percent(self, value: float) -> str:
        """Write a share in per cent with all its digits, as it was asked for: 5 %, 0.25 %."""
        return f"{100 * value:g}{self.space}%"

    def with_error(self, value: float, error: float, digits: int = 1) -> str:
        """Write a number as far as its error, which has so many digits: 2.31 ± 0.04."""
        if not math.isfinite(value) or not error > 0 or not math.isfinite(error):
            return self.significant(value)
        return " ± ".join(self.figure_and_error(value, error, digits))

    def figure_and_error(self, value: float, error: float, digits: int = 2) -> tuple[str, str]:
        """Write both as far as the error has so many digits: ("420", "510"), ("2.31", "0.04").

        Parameters
        ----------
        value : float
            Finite.
        error : float
            Positive, in the unit of the value.
        digits : int
            Of the error; its digits decide, also before the point.
        """
        decimals = digits - 1 - _power(error, digits)
        value, error = round(value, decimals), round(error, decimals)
        return self.number(value, max(0, decimals)), self.number(error, max(0, decimals))

    def share_with_error(self, share: float, error: float, digits: int = 1) -> str:
        """Write a share in per cent as far as its error, which has so many: 88.1 % ± 0.4 %."""
        if not math.isfinite(share) or not error > 0 or not math.isfinite(error):
            return self.percent(share)
        decimals = max(0, digits - 1 - _power(100 * error, digits))
        return f"{self.percent(share, decimals)} ± {self.percent_error(error, digits)}"

    def label_error(self, value: float, what: str) -> str:
        """Write an error of a potential: ``energy`` in meV/atom, ``force`` in eV/angstrom."""
        if what == "energy":
            return self.number(value, 1 if abs(value) < 1000 else 0)
        return self.number(value, 3 if abs(value) < 10 else 2)

    def label_error_and_spread(self, value: float, spread: float, what: str) -> tuple[str, str]:
        """Write an error of a potential and its spread over resamples; none: an empty string."""
        if math.isfinite(value) and math.isfinite(spread) and spread > 0:
            return self.figure_and_error(value, spread)
        return self.label_error(value, what), ""

    def label_error_with_spread(self, value: float, spread: float, what: str) -> str:
        """Write both as one: 420 ± 510."""
        return " ± ".join(filter(None, self.label_error_and_spread(value, spread, what)))

    def _signed(self, text: str) -> str:
        return f"{self.minus}{text[1:]}" if text.startswith("-") else text


def certain_error(error: float, digits: int) -> float:
    """Round a certified error up, so that it holds of the value that is written beside it as well.

    Parameters
    ----------
    error : float
        Positive.
    digits : int
        Of the error, when it is written; the value is rounded where they end.
    """
    unit = 10.0 ** (math.floor(math.log10(error)) - digits + 1)
    if math.ceil(error / unit + 0.5) >= 10**digits:  # it gets a digit more, of which one is lost
        unit *= 10.0
    return math.ceil(error / unit + 0.5) * unit


def _power(value: float, digits: int) -> int:
    """Return the power of ten of the first digit of a number, rounded to so many digits."""
    return int(f"{value:.{digits - 1}e}".partition("e")[2])


TERMINAL = NumberFormat(space=" ", absent="-", minus="-")
PAGE = NumberFormat(space="\u202f", absent="–", minus="−")
