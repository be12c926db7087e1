"""Style sheets: files beside this module, each served once and cached by the browser for good.

Where a page is served a sheet is an address: all who use it share one, and nothing of it travels
with the page. Elsewhere (in a notebook, in a saved page) it is the text of the file.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources
from pathlib import Path
from typing import ClassVar

import panel as pn
from panel.io.resources import component_resource_path

__all__ = ["Sheets", "css", "css_text"]

_FOLDER = resources.files("views.kit") / "css"


class Sheets:
    """What Panel's server may hand out: it serves only files that a class lists (panel 1.9.4)."""

    _stylesheets: ClassVar[list[Path]] = sorted(
        Path(str(file)) for file in _FOLDER.iterdir() if file.name.endswith(".css")
    )


@cache
def css_text(name: str) -> str:
    """Return the text of a style sheet."""
    return (_FOLDER / f"{name}.css").read_text(encoding="utf-8")


@cache
def _version(name: str) -> str:
    return hashlib.sha256(css_text(name).encode()).hexdigest()[:12]


def css(name: str) -> str:
    """Return a style sheet as an entry of `stylesheets`.

    Parameters
    ----------
    name : str
        Of a file in the folder css, without its ending.
    """
    if pn.state.curdoc is None or pn.state.curdoc.session_context is None:
        return css_text(name)
    # a version in the address lets the browser keep the file without asking
    address: str = component_resource_path(Sheets, "_stylesheets", f"css/{name}.css")
    return f"{address}?v={_version(name)}"
