"""The errors a user can meet, each with the place and the cause."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["Cancelled", "InputError", "WinnowError", "WorkerLost", "cause_of", "one_line"]


def one_line(text: str, longest: int = 500) -> str:
    """Return a text on one line, cut where it is long, without characters that cannot be shown."""
    words = " ".join(text[: 4 * longest].split())
    shown = words if len(words) <= longest else f"{words[:longest]}..."
    if shown.isprintable():
        return shown
    escaped = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in shown)
    return "".join(escaped)


def cause_of(error: Exception, longest: int = 200) -> str:
    """Return the first line of what an error says, or its kind where it says nothing."""
    return (str(error).splitlines() or [""])[0][:longest] or type(error).__name__


class WinnowError(Exception):
    """Base of every error that is meant to be shown to a user as one clear line."""


class InputError(WinnowError):
    """Input that cannot be used: says which file, which structure and why.

    Parameters
    ----------
    cause : str
        What is wrong, in words of the user's field.
    source : str, optional
        Name of the file.
    structure : int, optional
        Zero-based index of the structure in the original file.
    asks : sequence of str
        Where an answer of the user would do: what is asked ('species', 'units'), then what it is
        asked of (the types of atoms that have no element).
    """

    def __init__(
        self,
        cause: str,
        *,
        source: str | None = None,
        structure: int | None = None,
        asks: Sequence[str] = (),
    ) -> None:
        self.cause, self.source, self.structure = one_line(cause), source, structure
        self.asks = tuple(asks)
        place = [] if source is None else [one_line(source)]
        if structure is not None:
            place.append(f"structure {structure}")
        super().__init__(": ".join([", ".join(place), self.cause]) if place else self.cause)


class Cancelled(WinnowError):
    """Raised at a checkpoint after the user (or a newer request) stopped the work."""

    def __init__(self) -> None:
        super().__init__("cancelled")


class WorkerLost(WinnowError):
    """The process that did the work is gone; asked again, it is done by a new one.

    Parameters
    ----------
    work : str
        What failed.
    doing : str
        What it was doing.
    how : str
        How its process ended.
    """

    def __init__(self, work: str, doing: str, how: str) -> None:
        self.work, self.doing, self.how = work, doing, how
        super().__init__(f"{work} failed: {how} while {doing}")
