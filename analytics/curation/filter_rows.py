"""Filter rows: an expression as rows of a form, and a form as an expression.

Only what has the shape of rows can be shown as such: comparisons of a column with a constant,
joined by ``and`` and ``or`` without brackets. ``and`` binds first, as everywhere.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import NamedTuple

from analytics.curation.expression_syntax import ExpressionError, parsed, quoted, written

__all__ = ["SIGNS", "FilterRow", "as_rows", "joined"]

#: What a row may compare by.
SIGNS: dict[type, str] = {
    ast.Gt: ">", ast.GtE: ">=", ast.Lt: "<", ast.LtE: "<=", ast.Eq: "==", ast.NotEq: "!=",
    ast.In: "in", ast.NotIn: "not in",
}  # fmt: skip
_LISTS = ("in", "not in")


class FilterRow(NamedTuple):
    """One row: how it is joined to the one before, what is compared, how, and with what.

    Attributes
    ----------
    join : str
        "and" or "or"; that of the first row says nothing.
    column : str
        Its name, without marks around it.
    sign : str
    value : str
        As it is typed: a text without marks, a number, or several with commas between them.
    text : bool
        Whether the value is a text.
    """

    join: str
    column: str
    sign: str
    value: str
    text: bool


def joined(rows: Iterable[FilterRow]) -> str:
    """Return the expression that rows stand for; those without a value yet are left out."""
    parts: list[str] = []
    for row in rows:
        if row.column and row.value.strip() and row.sign in SIGNS.values():
            parts += [row.join] if parts else []
            parts.append(f"{written(row.column)} {row.sign} {_value(row)}")
    return " ".join(parts)


def _value(row: FilterRow) -> str:
    items = row.value.split(",") if row.sign in _LISTS else [row.value]
    texts = [item.strip() for item in items if item.strip()]
    shown = [quoted(text) if row.text else text for text in texts]
    if row.sign not in _LISTS:
        return shown[0]
    return f"({', '.join(shown)}{',' * (len(shown) == 1)})"


def as_rows(expression: str) -> list[FilterRow] | None:
    """Return the rows that an expression can be shown as; None if it is more than rows can show."""
    try:
        tree, names = parsed(expression)
    except ExpressionError:
        return None if expression.strip() else []
    alternatives = _parts(tree, ast.Or)
    rows: list[FilterRow] = []
    for alternative in alternatives:
        join = "or"
        for node in _parts(alternative, ast.And):
            row = _row(node, names, join)
            if row is None:
                return None
            rows.append(row)
            join = "and"
    # what is written in brackets would come back without them
    return rows if "(" not in expression or joined(rows) == " ".join(expression.split()) else None


def _parts(node: ast.expr, kind: type) -> list[ast.expr]:
    """Return what is joined by an operator."""
    return node.values if isinstance(node, ast.BoolOp) and isinstance(node.op, kind) else [node]


def _row(node: ast.expr, names: dict[str, str], join: str) -> FilterRow | None:
    if not (isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in SIGNS):
        return None
    left, sign, right = node.left, SIGNS[type(node.ops[0])], node.comparators[0]
    if not isinstance(left, ast.Name):
        return None
    several = isinstance(right, ast.Tuple | ast.List)
    if several != (sign in _LISTS):
        return None
    values = [_constant(item) for item in (right.elts if several else [right])]  # type: ignore[attr-defined]
    text = all(isinstance(value, str) for value in values)
    if None in values or not (text or not any(isinstance(value, str) for value in values)):
        return None
    if several and text and any("," in str(value) for value in values):
        return None
    shown = ", ".join(str(value) for value in values)
    return FilterRow(join, names.get(left.id, left.id), sign, shown, text)


def _constant(node: ast.expr) -> str | int | float | None:
    """Return a text or a number that stands there, None for anything else."""
    sign = 1
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        node, sign = node.operand, -1
    value = node.value if isinstance(node, ast.Constant) else None
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str):
        return value if sign > 0 and value.strip() == value and value else None
    return sign * value if isinstance(value, int | float) else None
