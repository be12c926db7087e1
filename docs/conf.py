"""Sphinx configuration of the documentation: `make docs` builds it into build/docs.

Pages about what is registered are written by `generated.py` before anything is read. Formulas
become MathML (`mathml.py`), and the theme brings its own style sheets and scripts, so that the
pages ask no other machine for anything.
"""

from __future__ import annotations

import sys
from importlib.metadata import version as version_of
from pathlib import Path

from sphinx.application import Sphinx

DOCS = Path(__file__).resolve().parent
sys.path[:0] = [str(DOCS), str(DOCS.parent)]

project = "Winnow"
author = "Winnow developers"
project_copyright = "Winnow developers, BSD-3-Clause"
release = version_of("winnow-atomistic")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "mathml"]

nitpicky = True
# Types of arguments stand in words ("float array (n, d), nats"), which are no names to look up.
nitpick_ignore_regex = [
    ("py:class", r"(?!winnow_atomistic\.|analytics\.).*"),
    ("py:exc", "InputError"),
]

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 4

# Docstrings are numpydoc; they state types in words, with shapes and units.
default_role = "literal"
autodoc_typehints = "none"
autodoc_preserve_defaults = True
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_use_param = False
napoleon_use_rtype = False
napoleon_use_ivar = False
napoleon_preprocess_types = False

smartquotes = False  # options begin with two hyphens
html_theme = "furo"
html_title = f"Winnow {release}"
html_static_path = ["static"]
html_css_files = ["winnow.css"]
html_copy_source = False
html_show_sphinx = False


def stay_in_the_site(app: Sphinx, docname: str, source: list[str]) -> None:
    """Point links to files of the repository that the site has too at its own page."""
    if app.env.doc2path(docname).suffix == ".md":
        source[0] = source[0].replace("](../SECURITY.md)", "](deployment/security.md)")


def not_ours(
    app: Sphinx, what: str, name: str, member: object, skip: bool, options: object
) -> bool | None:
    """Leave out what classes inherit from other packages, whose docstrings refer to theirs."""
    home = str(getattr(member, "__module__", None) or "")
    return True if home.startswith("sklearn.") else None


def setup(app: Sphinx) -> None:
    """Write the pages that are made from the registries, and mend links out of the site."""
    from generated import write_pages

    app.connect("source-read", stay_in_the_site)
    app.connect("autodoc-skip-member", not_ours)
    app.connect("builder-inited", lambda app: write_pages(Path(app.srcdir)))
