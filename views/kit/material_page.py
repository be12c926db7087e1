"""Page of panel-material-ui, with what its version 0.16.6 has no parameter for."""

from __future__ import annotations

from typing import Any

import panel_material_ui as pmui
import param
from bokeh.document import Document
from bokeh.model import Model
from panel.util import edit_readonly

__all__ = ["MaterialPage"]


#: What it leaves as it is: whatever has a name that ends so, a component of ours as well, whose
#: page would stay empty for want of the properties of Bokeh's legend.
UNSTYLED = ["Axis", "Title", "Grid", "Figure", "Plot", "Legend", "ColorBar"]


class _Idle(param.Parameterized):
    """What a page follows instead of the state of the server.

    That would hold every page for ever (a reference of param 2.4 lets go only of its source when
    it is given another), and send two messages more with each callback.
    """

    busy = param.Boolean(False)


class MaterialPage(pmui.Page):
    """A page that leaves plots as they are, and says nothing when it is busy.

    Without the first it styles every axis, title and grid once more in the browser, over what
    `paint` has given them. Its `busy` follows that of the server, and each callback would send it
    twice, though without an indicator nothing shows it. See docs/upstream.md.
    """

    def __init__(self, **params: Any) -> None:
        super().__init__(busy_indicator=None, **params)
        with edit_readonly(self):
            self.busy = _Idle().param.busy

    def get_root(
        self, doc: Document | None = None, comm: Any = None, preprocess: bool = True
    ) -> Model:
        """See `pmui.Page`."""
        root = super().get_root(doc, comm, preprocess)
        root.data._custom_theme = UNSTYLED
        return root
