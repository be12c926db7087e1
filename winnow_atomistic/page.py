"""The page from a notebook: a server in a process of its own, and an iframe of it in a cell."""

from __future__ import annotations

import atexit
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable
from contextlib import closing
from html import escape
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from analytics.cli.serve import Serving
from analytics.data.dataset import Dataset
from analytics.data.export import write_subset
from analytics.data.readers import read
from analytics.runtime.errors import WinnowError

__all__ = ["Server", "panel", "serve"]

Source = str | Path | Dataset | Atoms | Iterable[Atoms]
#: Seconds until a server that does not answer is given up.
PATIENCE = 120


class Server:
    """A server of the page; it ends with the notebook, or when it is told to.

    Attributes
    ----------
    url : str
        Address of the page, with the token that it asks for: whoever has it comes in.
    """

    def __init__(self, source: Source | None, port: int | None, framed: bool = False) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="winnow_")
        serving = Serving(
            file=_file_of(source, Path(self._folder.name)),
            port=_free_port() if port is None else port,
            framed=framed,
        )
        self.url = serving.url
        self._log = Path(self._folder.name, "log.txt")
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                serving.command(), env=serving.environment(), stdout=log, stderr=subprocess.STDOUT
            )
        atexit.register(self.stop)
        self._wait(serving.port)

    def stop(self) -> None:
        """End the server; a second time does nothing."""
        atexit.unregister(self.stop)
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._folder.cleanup()

    def __repr__(self) -> str:
        state = "stopped" if self._process.poll() is not None else "running"
        return f"Server({self.url}, {state})"

    def _repr_html_(self) -> str:
        return f'<a href="{escape(self.url)}" target="_blank">{escape(self.url)}</a>'

    def _wait(self, port: int) -> None:
        until = time.monotonic() + PATIENCE
        while not _answers(port):
            if self._process.poll() is not None or time.monotonic() > until:
                told = self._log.read_text(errors="replace").strip().splitlines()
                self.stop()
                raise WinnowError(f"the page did not start: {told[-1] if told else 'no answer'}")
            time.sleep(0.05)


def serve(source: Source | None = None, *, port: int | None = None) -> Server:
    """Serve the page on a data set, in a process of its own.

    Parameters
    ----------
    source : path, Dataset, ase.Atoms or iterable of them, optional
        What the page opens (default: the carbon set that comes with Winnow). Structures in
        memory are handed over in a file that goes with the server.
    port : int, optional
        Default: any that is free.

    Returns
    -------
    Server
        `url` to open in a browser on this machine; `stop()` ends it, as does the end of Python.

    Examples
    --------
    >>> server = winnow.serve(data)  # doctest: +SKIP
    >>> server.stop()  # doctest: +SKIP
    """
    return Server(source, port)


def panel(source: Source | None = None, *, height: int = 900, port: int | None = None) -> Any:
    """Return the page of a data set as a Panel object, which shows in the cell of a notebook.

    The notebook's kernel stays free: the page has a server of its own (see `serve`), which ends
    with the kernel. The browser must run on this machine, or reach its ports.

    Parameters
    ----------
    source : path, Dataset, ase.Atoms or iterable of them, optional
        See `serve`.
    height : int
        Of the frame, pixels.
    port : int, optional
        Default: any that is free.

    Returns
    -------
    panel.pane.HTML
        `server` is its `Server`.

    Examples
    --------
    >>> winnow.panel(data)  # doctest: +SKIP
    """
    pn: Any = import_module("panel")  # untyped, slow to import, and not all ask for it
    pn.extension()  # a notebook loads what shows Panel objects once

    server = Server(source, port, framed=True)
    style = f"width:100%; height:{height}px; border:0"
    frame = pn.pane.HTML(
        f'<iframe src="{escape(server.url)}" title="Winnow" style="{style}"></iframe>',
        sizing_mode="stretch_width",
        height=height,
    )
    frame.server = server
    return frame


def _file_of(source: Source | None, folder: Path) -> str | None:
    if source is None or isinstance(source, str | Path):
        return None if source is None else str(source)
    data = source if isinstance(source, Dataset) else read(source)
    name = data.name if Path(data.name).name == data.name else "data"
    file = folder / f"{name.split('.')[0] or 'data'}.extxyz"
    write_subset(data, np.arange(data.n_structures), file)
    return os.fspath(file)


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
