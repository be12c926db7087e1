"""Offer card: a name, a sentence and a button; what it is about is built when that is pressed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from views.kit.layout import Card
from views.kit.widgets import Button

__all__ = ["OfferCard"]


class OfferCard(Card):
    """Stands for something that few visits want, and that every visit would pay for.

    Parameters
    ----------
    build : callable
        Returns what takes the place of offer and button, with a `restyle`.
    name, offer, label : str
        Of the card, what it would do, and of the button.
    """

    def __init__(
        self, build: Callable[[], Any], *, name: str, offer: str, label: str, **params: Any
    ) -> None:
        self._build, self._dark = build, False
        self.built: Any = None
        self.button = Button(
            label=label, hint=offer, margin=(4, 0, 4, 0), on_click=lambda e: self.open()
        )
        super().__init__(self.button, name=name, **params)
        self.say("", offer)

    def open(self) -> None:
        """Build it."""
        if self.built is None:
            self.built = self._build()
            self.built.restyle(self._dark)
            self.css_classes, self.objects = [], [self.built]

    def restyle(self, dark: bool) -> None:
        """Use the colours of the theme."""
        self._dark = dark
        if self.built is not None:
            self.built.restyle(dark)
