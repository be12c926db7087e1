"""A card with a button (on request): what it shows takes some seconds and is not always wanted."""

from __future__ import annotations

from typing import Any

from views.kit import layout
from views.kit.layout import Card
from views.kit.widgets import Button
from views.state.on_request import OnRequest

__all__ = ["RequestCard"]


class RequestCard(Card):
    """The offer and its button; once it was pressed, what was found.

    A card says its name, what its button is called and does, and what it offers; it asks in `ask`
    and shows in `tell`, which returns what the head of the card says.
    """

    NAME, BUTTON, HINT, OFFER = "", "", "", ""

    def __init__(
        self, request: OnRequest, *content: Any, controls: tuple[Any, ...] = (), **params: Any
    ) -> None:
        self.request = request
        self.button = Button(
            label=self.BUTTON, hint=self.HINT, margin=(4, 8, 0, 0), on_click=lambda e: self.ask()
        )
        self.body = layout.column(*content, visible=False)
        above = 5 if controls else 0  # their labels stand on their upper edges
        bar = layout.row(*controls, self.button, gives="wraps", margin=(above, 0, 0, 0))
        super().__init__(bar, self.body, name=self.NAME, **params)
        request.param.watch(self._follow, ["result", "running", "problem"])
        self._follow()

    def ask(self) -> None:
        """Have it worked out."""
        raise NotImplementedError

    def tell(self, found: Any) -> tuple[Any, Any]:
        """Show what was found; return what stands beside the name of the card, and below it."""
        raise NotImplementedError

    def _follow(self, *_: Any) -> None:
        request = self.request
        self.button.disabled = request.running
        if request.running:
            self.say("being worked out…", self.OFFER)
        elif request.problem:
            self.say("", request.problem)
        elif request.result is None:
            self.say("", self.OFFER)
        else:
            self.say(*self.tell(request.result))
        self.body.visible = request.result is not None and not request.running
