"""Style sheets: files under assets/css, each served once and cached by the browser for good.

Where a page is served a sheet is an address: all who use it share one, and nothing of it travels
with the page. Elsewhere (in a notebook, in a saved page) it is the text of the file.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import panel as pn
from bokeh.embed.bundle import extension_dirs

from analytics.runtime.assets import asset

__all__ = ["css", "css_text", "sheets"]

#: Under this name the folder is one of the static folders of Bokeh's server.
NAME = "winnow"


def sheets() -> list[Path]:
    """Return the files of all style sheets."""
    return sorted(asset("css").glob("*.css"))


@cache
def css_text(name: str) -> str:
    """Return the text of a style sheet."""
    return (asset("css") / f"{name}.css").read_text(encoding="utf-8")


@cache
def _address(name: str) -> str:
    extension_dirs[NAME] = asset("css")
    # a version in the address lets the browser keep the file without asking
    version = hashlib.sha256(css_text(name).encode()).hexdigest()[:12]
    return f"static/extensions/{NAME}/{name}.css?v={version}"


def css(name: str) -> str:
    """Return a style sheet as an entry of `stylesheets`.

    Parameters
    ----------
    name : str
        Of a file in the folder, without its ending.
    """
    if pn.state.curdoc is None or pn.state.curdoc.session_context is None:
        return css_text(name)
    prefix = f"{pn.state.rel_path}/" if pn.state.rel_path else ""
    return prefix + _address(name)
