"""Run docs/tutorials/carbon_notebook.py and write it with its outputs: `make notebook`.

The source is in the percent format (`# %%` begins a cell), which editors and jupytext read too;
what comes out is a notebook of format 4.5, docs/tutorials/carbon.ipynb.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import io
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "docs/tutorials/carbon_notebook.py"
NOTEBOOK = ROOT / "docs/tutorials/carbon.ipynb"
CELL = re.compile(r"(?m)^# %%( \[markdown\])?\n")


def cells(text: str) -> Iterator[tuple[str, str]]:
    """Yield the kind and the source of each cell."""
    _, *parts = CELL.split(text)
    for mark, body in zip(parts[::2], parts[1::2], strict=True):
        body = body.strip("\n")
        if mark:
            yield "markdown", re.sub(r"(?m)^# ?", "", body)
        else:
            yield "code", body


def run(source: str, names: dict[str, Any], number: int) -> list[dict[str, Any]]:
    """Run a cell; return its outputs: what it printed, its pictures, its last value."""
    tree = ast.parse(source)
    last = None
    if tree.body and isinstance(tree.body[-1], ast.Expr) and not source.rstrip().endswith(";"):
        last = ast.Expression(tree.body.pop().value)  # type: ignore[attr-defined]
    printed, value = io.StringIO(), None
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, "cell", "exec"), names)
        if last is not None:
            value = eval(compile(last, "cell", "eval"), names)
    outputs: list[dict[str, Any]] = []
    if text := printed.getvalue():
        outputs.append({"output_type": "stream", "name": "stdout", "text": lines(text)})
    for figure in map(plt.figure, plt.get_fignums()):
        picture = io.BytesIO()
        figure.savefig(picture, dpi=90, metadata={"Software": None})
        data = {"image/png": base64.b64encode(picture.getvalue()).decode()}
        outputs.append({"output_type": "display_data", "data": data, "metadata": {}})
    plt.close("all")
    if value is not None:
        shown = {"text/plain": lines(repr(value))}
        if hasattr(value, "_repr_html_"):
            shown["text/html"] = lines(value._repr_html_())
        outputs.append(
            {"output_type": "execute_result", "execution_count": number, "data": shown,
             "metadata": {}}
        )  # fmt: skip
    return outputs


def lines(text: str) -> list[str]:
    """Return the lines as a notebook has them, each but the last with its end."""
    return text.splitlines(keepends=True)


def made() -> dict[str, Any]:
    """Run all cells and return the notebook."""
    names: dict[str, Any] = {}
    found, number = [], 0
    for at, (kind, source) in enumerate(cells(SOURCE.read_text(encoding="utf-8"))):
        cell = {"cell_type": kind, "id": f"cell-{at}", "metadata": {}, "source": lines(source)}
        if kind == "code":
            number += 1
            cell |= {"execution_count": number, "outputs": run(source, names, number)}
        found.append(cell)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {
        "cells": found,
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    NOTEBOOK.write_text(json.dumps(made(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(NOTEBOOK.relative_to(ROOT))
