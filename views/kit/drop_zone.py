"""Drop zone: files dropped on the page (FileDropper)."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import panel as pn

from views.kit.style_sheets import css
from views.state.session import Session

__all__ = ["DropZone"]

#: Larger files are better opened by path: these pass through the browser. The zone knows KB and MB.
LIMIT = "2000MB"


class DropZone(pn.widgets.FileDropper):
    """Writes what is dropped to a folder that goes with the session, and hands on its path.

    Parameters
    ----------
    session : Session
        Its end is the end of the files.
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
        self._taken = taken
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self.param.watch(self._take, "value")
        session.on_end(self._clean)

    def _take(self, *_: Any) -> None:
        """Hand on what has arrived; the zone would keep and repeat every file it ever had."""
        for name in list(self.value):
            content = self.value.pop(name)
            if self._folder is None:
                self._folder = tempfile.TemporaryDirectory(prefix="winnow-")
            # a folder for each: one of the same name must not replace the one that is open
            path = Path(tempfile.mkdtemp(dir=self._folder.name)) / (Path(name).name or "dropped")
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
            self._taken(path)

    def _clean(self) -> None:
        if self._folder is not None:
            self._folder.cleanup()
