"""Controls and questions of a lesson: what is turned and answered, and what is right. No Panel."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from analytics.runtime.text import PAGE
from views.learn.lab import Lab

__all__ = [
    "Answer", "Choose", "Control", "Number", "Pick", "Question", "Steps", "Taps", "Task", "Values",
    "Verdict",
]  # fmt: skip

#: What the controls of a screen are set to, by their names.
Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Steps:
    """A slider over certain numbers.

    Attributes
    ----------
    name, title : str
        In links, and on the page.
    steps : tuple of float
        Ascending.
    default : float
        One of them.
    unit : str
    """

    name: str
    title: str
    steps: tuple[float, ...]
    default: float
    unit: str = ""

    def read(self, value: Any) -> float:
        """Return the step nearest to a number, or to text that is one."""
        number = float(value)
        if not math.isfinite(number):
            raise ValueError(f"{self.name} is {value!r}, not a number")
        return min(self.steps, key=lambda step: abs(step - number))

    def written(self, value: float) -> str:
        """Return it as a link has it."""
        return f"{value:g}"


@dataclass(frozen=True, slots=True)
class Pick:
    """A choice among a few.

    Attributes
    ----------
    options : mapping of str to str
        Name in links and in values -> what the page says.
    default : str
    """

    name: str
    title: str
    options: Mapping[str, str]
    default: str

    def read(self, value: Any) -> str:
        """Return the option of that name."""
        if value not in self.options:
            raise ValueError(f"{self.name} is {value!r}, not one of {', '.join(self.options)}")
        return str(value)

    def written(self, value: str) -> str:
        """Return it as a link has it."""
        return value


@dataclass(frozen=True, slots=True)
class Taps:
    """Points picked by hand, at most so many: tapped in the plot, or typed as a list of numbers.

    Attributes
    ----------
    of : int
        How many points there are.
    most : int
    default : tuple of int
    """

    name: str
    title: str
    of: int
    most: int
    default: tuple[int, ...] = ()

    def read(self, value: Any) -> tuple[int, ...]:
        """Return numbers of points, each once, from a sequence or from text such as "3, 17"."""
        parts = (
            value.replace(",", " ").replace(".", " ").split() if isinstance(value, str) else value
        )
        points = tuple(dict.fromkeys(int(part) for part in parts))
        if any(not 0 <= point < self.of for point in points):
            raise ValueError(f"{self.name}: points are numbered from 0 to {self.of - 1}")
        return points[-self.most :]

    def tapped(self, points: tuple[int, ...], point: int) -> tuple[int, ...]:
        """Return the points after one was tapped: it comes in, or goes; the oldest gives way."""
        if point in points:
            return tuple(each for each in points if each != point)
        return (*points, point)[-self.most :]

    def written(self, value: tuple[int, ...]) -> str:
        """Return it as a link has it."""
        return ".".join(map(str, value))


Control = Steps | Pick | Taps


@dataclass(frozen=True, slots=True)
class Answer:
    """What is right, and why, in words with numbers of the live data."""

    value: Any
    reason: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of an answer.

    Attributes
    ----------
    right : bool
    given, expected : str
        The answer, and what is right, as text with unit.
    reason : str
    way_on : str
        What to do after a wrong answer.
    """

    right: bool
    given: str
    expected: str
    reason: str
    way_on: str = ""


@dataclass(frozen=True, slots=True)
class Choose:
    """A question with options, of which one is right.

    Attributes
    ----------
    ask : str
    options : tuple of str
    right : callable
        (lab, values) -> `Answer` whose value is the index of the right option.
    way_on : str
        What helps after a wrong answer: where to look, not what it is.
    """

    ask: str
    options: tuple[str, ...]
    right: Callable[[Lab, Values], Answer]
    way_on: str = ""

    def read(self, text: Any) -> int:
        """Return the index of an option, from a number or text that is one."""
        number = int(text)
        if not 0 <= number < len(self.options):
            raise ValueError("choose one of the options")
        return number

    def judge(self, lab: Lab, values: Values, given: int) -> Verdict:
        """Compare an answer with what the live data say."""
        answer = self.right(lab, values)
        return Verdict(
            given == answer.value, self.options[given], self.options[answer.value],
            answer.reason, self.way_on,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Number:
    """A question for a number.

    Attributes
    ----------
    ask : str
    right : callable
        (lab, values) -> `Answer` whose value is a number in the unit.
    tolerance : float
        How far off is still right, in the unit; `relative`: as a share of what is right.
    unit : str
        "%" reads 12 and 12 % alike.
    """

    ask: str
    right: Callable[[Lab, Values], Answer]
    tolerance: float
    unit: str = ""
    relative: bool = False
    digits: int = 3
    way_on: str = ""

    def read(self, text: Any) -> float:
        """Return the number that was typed, with or without its unit."""
        plain = str(text).replace("\u202f", "").replace("−", "-").strip()
        plain = plain.removesuffix(self.unit).strip() if self.unit else plain
        try:
            number = float(plain.replace(",", ".") if plain.count(",") == 1 else plain)
        except ValueError:
            raise ValueError(f"{str(text)[:40]!r} is not a number") from None
        if not math.isfinite(number):
            raise ValueError(f"{str(text)[:40]!r} is not a number")
        return number

    @property
    def said_tolerance(self) -> str:
        """What still counts as right."""
        if self.relative:
            return f"within {PAGE.percent(self.tolerance, 0)} of it counts as right"
        return f"± {self.tolerance:g}{self._unit} counts as right"

    @property
    def _unit(self) -> str:
        return f"\u202f{self.unit}" if self.unit else ""

    def written(self, value: float) -> str:
        """Write a number with its unit."""
        if value == int(value):
            return f"{PAGE.count(int(value))}{self._unit}"
        return f"{PAGE.significant(value, self.digits)}{self._unit}"

    def judge(self, lab: Lab, values: Values, given: float) -> Verdict:
        """Compare an answer with what the live data say."""
        answer = self.right(lab, values)
        allowed = self.tolerance * (abs(answer.value) if self.relative else 1.0)
        # what is shown is rounded: whoever types that is right
        right = abs(given - answer.value) <= allowed * (1 + 1e-9)
        return Verdict(
            right, f"{given:g}{self._unit}", self.written(answer.value), answer.reason, self.way_on
        )


@dataclass(frozen=True, slots=True)
class Task:
    """An exercise done with the controls; what they are set to is the answer.

    Attributes
    ----------
    ask : str
    done : callable
        (lab, values) -> `Answer` whose value is whether it is done.
    goal : str
        What is to be reached, in a few words.
    """

    ask: str
    done: Callable[[Lab, Values], Answer]
    goal: str
    way_on: str = ""
    label: str = field(default="Check")

    def read(self, text: Any) -> bool:
        """Take any answer: that somebody wants to know."""
        return True

    def judge(self, lab: Lab, values: Values, given: bool) -> Verdict:
        """Look at what has been reached."""
        answer = self.done(lab, values)
        return Verdict(bool(answer.value), "", self.goal, answer.reason, self.way_on)


Question = Choose | Number | Task
