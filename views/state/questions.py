"""Questions that a file leaves open, such as the element of a type of atoms. No Panel here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from analytics.runtime.errors import InputError

__all__ = ["ASKED", "Question"]

#: The arguments of reading that can be asked for.
ASKED = ("species", "units")


@dataclass(frozen=True, slots=True)
class Question:
    """What has to be said before a file can be read; what is open stays until then.

    Attributes
    ----------
    path : str
        The file, as it was asked for.
    options : mapping
        What was said about the reading so far, as further arguments of `Session.open`.
    what : str
        The argument that answers: 'species' or 'units'.
    of : tuple of str
        What it is asked of: the types of atoms, or the quantities.
    text : str
        The question in words, with the name of the file.
    """

    path: str
    options: Mapping[str, Any]
    what: str
    of: tuple[str, ...]
    text: str

    @classmethod
    def in_error(cls, error: Exception, path: str, options: Mapping[str, Any]) -> Question | None:
        """Return what an error asks, if it does."""
        if not isinstance(error, InputError) or len(error.asks) < 2:
            return None
        what, *of = error.asks
        return cls(path, dict(options), what, tuple(of), str(error))

    def said(self) -> dict[str, str]:
        """Return what was answered before, by what it was asked of."""
        pairs = (part.partition("=") for part in str(self.options.get(self.what) or "").split(","))
        return {name.strip(): value.strip() for name, sign, value in pairs if sign}

    def answered(self, answers: Mapping[str, str]) -> dict[str, Any]:
        """Return the options of reading with these answers."""
        pairs = {**self.said(), **answers}
        return {**self.options, self.what: ",".join(f"{k}={v}" for k, v in pairs.items())}
