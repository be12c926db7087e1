"""Drop zone: files dropped on the page or chosen, sent piece by piece; says what became of each."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import param
from panel.custom import JSComponent

from analytics.runtime.errors import InputError, WinnowError
from views.kit.style_sheets import css
from views.state.session import Session
from views.state.uploads import FILE_LIMIT

__all__ = ["DropZone"]


class DropZone(JSComponent):
    """Writes what is dropped to a folder that is kept with the session, and hands on its path.

    FilePond, which Panel (1.9.4) has for this, asks for sixty animation frames a second for as
    long as the page is open, and says nothing of a file that the server refuses.

    Parameters
    ----------
    session : Session
        The files are kept as long as it is saved, or else end with it. What it tells of a file
        that was dropped here stands here as well.
    taken : callable
        Gets the path of each file, which has the name it was dropped with.
    **params
        Of the component: multiple, height.
    """

    wanted = param.String("Drop a file here", doc="What the zone asks for.")
    multiple = param.Boolean(False, doc="Whether it takes several files at a time.")
    limit = param.Integer(FILE_LIMIT * 1_000_000, doc="Largest file, bytes; the server looks too.")
    piece = param.Integer(4_000_000, doc="Bytes sent at a time.")

    _esm = Path(__file__).with_suffix(".js")

    def __init__(self, session: Session, taken: Callable[[Path], None], **params: Any) -> None:
        usual = {"sizing_mode": "stretch_width", "stylesheets": [css("drop_zone")]}
        usual["margin"] = (4, 10)
        if "height" in params:  # what is told of files makes it higher
            usual["min_height"] = params.pop("height")
        if params.get("multiple"):
            usual["wanted"] = "Drop files here"
        super().__init__(**usual | params)
        self._session, self._taken = session, taken
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._last: dict[str, Path] = {}
        session.on_end(self._clean)
        session.param.watch(self._on_notice, ["notice"])
        session.param.watch(self._on_opened, ["opened"])

    def _handle_msg(self, data: Any) -> None:
        """Take a piece of a file, or hear that no more of it will come."""
        if not isinstance(data, dict):
            return
        name = data.get("name")
        if data.get("given_up") is True and isinstance(name, str):
            self._session.uploads.give_up(name)
            return
        try:
            path = self._session.uploads.take(data, self._new_folder)
        except WinnowError as error:
            cause = error.cause if isinstance(error, InputError) else f"{error}"
            if isinstance(name, str):
                self._send_msg({"name": name, "refused": cause})
            self._session.notice = ("error", str(error))
            return
        self._send_msg({"name": name, "taken": data["chunk"]})
        if path is not None:
            self._last[path.name] = path
            self._session.places = self._session.places.with_own(path)
            self._taken(path)

    def _on_notice(self, *_: Any) -> None:
        """Say on the zone what is wrong with a file that was dropped on it."""
        severity, text = self._session.notice
        for name in self._last if severity == "error" else ():
            if name in text:
                cause = text.removeprefix(name).lstrip(":, ")  # the name stands beside it
                self._send_msg({"name": name, "refused": cause})

    def _on_opened(self, *_: Any) -> None:
        """Say no more of a file that is open now."""
        opened = self._session.opened
        if opened is not None and opened.dataset.name in self._last:
            self._send_msg({"name": opened.dataset.name, "done": True})

    def _new_folder(self) -> Path:
        """Make a folder for a file: one of the same name must not replace the one that is open.

        It is kept as long as the session is saved; where nothing can be saved it goes with it.
        """
        if self._session.saver is not None:
            with suppress(OSError):
                return self._session.saver.shelf.new_upload()
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="winnow-")
        return Path(tempfile.mkdtemp(dir=self._folder.name))

    def _clean(self) -> None:
        if self._folder is not None:
            self._folder.cleanup()
