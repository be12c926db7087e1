"""HTML elements that escape by construction: what is put into one is text unless it is markup.

>>> tr(td("a < b"), td(b(3), title='say "cheese"'))
Markup('<tr><td>a &lt; b</td><td title="say &#34;cheese&#34;"><b>3</b></td></tr>')
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import partial
from typing import Any

from markupsafe import Markup, escape

__all__ = [
    "Markup", "a", "b", "br", "button", "code", "dd", "div", "dl", "document", "dt", "element",
    "figcaption", "figure", "h1", "h2", "h3", "hr", "i", "img", "in_order", "join", "li", "p",
    "pre", "section", "small", "span", "sub", "sup", "table", "tbody", "td", "th", "thead", "tr",
    "ul",
]  # fmt: skip

_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")
_VOID = frozenset({"br", "hr", "img", "meta"})


def in_order(text: str) -> str:
    """Return text that leaves what stands beside it in its direction.

    A name of somebody's file or class may hold characters that turn all further text of a line
    around; they are shown as such. Names in a script that runs from right to left hold none.
    """
    return _TURNS.sub("\ufffd", text)


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
        Markup(' {}="{}"').format(name.rstrip("_").replace("_", "-"), _in_order(value))
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
            yield escape(_in_order(piece))


def _in_order(value: Any) -> Any:
    plain = isinstance(value, str) and not isinstance(value, Markup)
    return in_order(value) if plain else value


def document(title: str, style: str, *body: Any) -> str:
    """Write a file of HTML that needs no other: it holds its style, and asks for nothing.

    Parameters
    ----------
    title : str
        What a browser writes on the tab.
    style : str
        CSS.
    *body
        As the content of an element.
    """
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width,initial-scale=1"),
        element("title", title),
        element("style", Markup(style)),
    )
    page = element("html", head, element("body", *body), lang="en")
    return f"<!doctype html>\n{page}\n"


a, b, br, button, code, dd, div, dl, dt = (
    partial(element, tag) for tag in ("a", "b", "br", "button", "code", "dd", "div", "dl", "dt")
)
figcaption, figure, h1, h2, h3, hr, i, img, li = (
    partial(element, tag)
    for tag in ("figcaption", "figure", "h1", "h2", "h3", "hr", "i", "img", "li")
)
p, pre, section, small, span, sub, sup, ul = (
    partial(element, tag) for tag in ("p", "pre", "section", "small", "span", "sub", "sup", "ul")
)
table, tbody, td, th, thead, tr = (
    partial(element, tag) for tag in ("table", "tbody", "td", "th", "thead", "tr")
)
