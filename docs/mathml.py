"""Formulas as MathML: a math renderer for Sphinx that browsers show without script or fonts.

Sphinx itself offers MathJax (a script, usually from another machine) and images (which need
LaTeX). Docutils, which Sphinx is built on, turns TeX into MathML; this hands its result over.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError


def mathml(tex: str, block: bool) -> str:
    """Return a formula as the `math` element of HTML."""
    try:
        return str(tex2mathml(tex, as_block=block))
    except MathError as error:
        raise ExtensionError(f"{error} in the formula {tex!r}") from None


def inline(translator: Any, node: nodes.math) -> None:
    """Write a formula within a line."""
    translator.body.append(mathml(node.astext(), block=False))
    raise nodes.SkipNode


def display(translator: Any, node: nodes.math_block) -> None:
    """Write a formula on a line of its own, which scrolls where it is too wide."""
    body = mathml(node.astext(), block=True)
    translator.body.append(f'<div class="math formula">{body}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the renderer and choose it."""
    app.add_html_math_renderer("mathml", (inline, None), (display, None))
    app.config.html_math_renderer = "mathml"
    return {"parallel_read_safe": True, "parallel_write_safe": True}
