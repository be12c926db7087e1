"""Drop zone: files dropped on the page (FileDropper)."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import panel as pn

from views.kit.style_sheets import css
from views.state.session import Session

__all__ = ["DropZone"]

#: Larger files are better opened by path: these pass through the browser. The zone knows KB and MB.
LIMIT = "2000MB"


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
                "max_file_size": LIMIT,
                "multiple": False,
                "sizing_mode": "stretch_width",
                "stylesheets": [css("drop_zone")],
                **params,
            }
        )
        self._taken, self._saver = taken, session.saver
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self.param.watch(self._take, "value")
        session.on_end(self._clean)

    def _take(self, *_: Any) -> None:
        """Hand on what has arrived; the zone would keep and repeat every file it ever had."""
        for name in list(self.value):
            content = self.value.pop(name)
            # a folder for each: one of the same name must not replace the one that is open
            path = self._new_folder() / (Path(name).name or "dropped")
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
            self._taken(path)

    def _new_folder(self) -> Path:
        """Make a folder that is kept as long as the session is saved, or else lives."""
        if self._saver is not None:
            with suppress(OSError):  # where nothing can be saved, it goes with the session
                return self._saver.shelf.new_upload()
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="winnow-")
        return Path(tempfile.mkdtemp(dir=self._folder.name))

    def _clean(self) -> None:
        if self._folder is not None:
            self._folder.cleanup()
