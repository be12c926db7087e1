"""HTML elements that escape by construction: what is put into one is text unless it is markup.

>>> tr(td("a < b"), td(b(3), title='say "cheese"'))
Markup('<tr><td>a &lt; b</td><td title="say &#34;cheese&#34;"><b>3</b></td></tr>')
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from markupsafe import Markup, escape

__all__ = [
    "Markup", "b", "br", "code", "dd", "div", "dl", "dt", "element", "h3", "hr", "i", "join",
    "p", "small", "span", "sub", "sup", "table", "tbody", "td", "th", "thead", "tr",
]  # fmt: skip

_VOID = frozenset({"br", "hr", "meta"})


def element(tag: str, *content: Any, **attributes: Any) -> Markup:
    """Write an element.

    Parameters
    ----------
    tag : str
    *content
        Markup stays as it is, anything else is escaped; None is nothing, an iterable is its items.
    **attributes
        ``class_`` stands for ``class``, other underscores for hyphens; None and "" leave one out.
    """
    pairs = Markup("").join(
        Markup(' {}="{}"').format(name.rstrip("_").replace("_", "-"), value)
        for name, value in attributes.items()
        if value not in (None, "")
    )
    if tag in _VOID:
        return Markup("<{}{}>").format(tag, pairs)
    return Markup("<{0}{1}>{2}</{0}>").format(tag, pairs, join(*content))


def join(*content: Any, by: str = "") -> Markup:
    """Write pieces one after the other."""
    return Markup(by).join(_pieces(content))


def _pieces(content: Iterable[Any]) -> Iterable[Markup]:
    for piece in content:
        if piece is None:
            continue
        if isinstance(piece, Iterable) and not isinstance(piece, str):
            yield from _pieces(piece)
        else:
            yield escape(piece)


b, br, code, dd, div, dl, dt, h3, hr = (
    partial(element, tag) for tag in ("b", "br", "code", "dd", "div", "dl", "dt", "h3", "hr")
)
i, p, small, span, sub, sup = (
    partial(element, tag) for tag in ("i", "p", "small", "span", "sub", "sup")
)
table, tbody, td, th, thead, tr = (
    partial(element, tag) for tag in ("table", "tbody", "td", "th", "thead", "tr")
)
