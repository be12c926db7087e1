"""Drop zone: files dropped on the page (FileDropper)."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import panel as pn

from analytics.runtime.errors import WinnowError
from views.kit.style_sheets import css
from views.state.session import Session
from views.state.uploads import FILE_LIMIT

__all__ = ["DropZone"]


class DropZone(pn.widgets.FileDropper):
    """Writes what is dropped to a folder that is kept with the session, and hands on its path.

    Parameters
    ----------
    session : Session
        The files are kept as long as it is saved, or else end with it.
    taken : callable
        Gets the path of each file, which has the name it was dropped with.
    **params
        Of the widget: multiple, height.
    """

    def __init__(self, session: Session, taken: Callable[[Path], None], **params: Any) -> None:
        super().__init__(
            **{
                "max_file_size": f"{FILE_LIMIT}MB",
                "multiple": False,
                "sizing_mode": "stretch_width",
                "stylesheets": [css("drop_zone")],
                **params,
            }
        )
        self._session, self._taken = session, taken
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        session.on_end(self._clean)

    def _process_event(self, event: Any) -> None:
        """Take a piece of a file; Panel would keep all of it in memory, whatever its size."""
        if event.event_name != "upload_event" or not isinstance(event.data, dict):
            return
        try:
            path = self._session.uploads.take(event.data, self._new_folder)
        except WinnowError as error:
            self._session.notice = ("error", str(error))
            return
        if path is not None:
            self._session.places = self._session.places.with_own(path)
            self._taken(path)

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
