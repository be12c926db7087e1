"""The look: colours, sizes and the style sheets of the page, in light and dark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bokeh.models import CustomJSTickFormatter
from bokeh.plotting import figure

__all__ = [
    "CARD",
    "DARK",
    "HEADING",
    "LIGHT",
    "METHOD_COLORS",
    "NARROW",
    "NARROWEST",
    "ONE",
    "ONLY_NARROW",
    "ONLY_NARROWEST",
    "PARTS",
    "SEGMENTS",
    "SHRINKS",
    "SMALL_TOOLBAR",
    "THREE",
    "WIDE",
    "Palette",
    "palette",
    "powers_of_ten",
    "style_figure",
    "theme_config",
    "variables",
]

#: Okabe-Ito blue, bluish green and vermilion: one per column, safe for colour-blind readers.
METHOD_COLORS = ("#0072b2", "#009e73", "#d55e00")
#: The same hues lifted for a dark background.
METHOD_COLORS_DARK = ("#4aa3df", "#2fc498", "#f08a45")

FONT = "Roboto, Helvetica, Arial, sans-serif"


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of one theme."""

    page: str
    card: str
    border: str
    outline: str
    text: str
    quiet: str
    grid: str
    rest: str
    brush: str
    active: str
    warning: str
    error: str
    methods: tuple[str, str, str]


LIGHT = Palette(
    page="#f5f7f9",
    card="#ffffff",
    border="#e1e5ea",
    outline="#bcc4ce",
    text="#1b222b",
    quiet="#66707c",
    grid="#e9ecf0",
    rest="#c3cad3",
    brush="#1b222b",
    active="#b5338a",
    warning="#9a5b00",
    error="#b3261e",
    methods=METHOD_COLORS,
)
DARK = Palette(
    page="#13181e",
    card="#1c232b",
    border="#2d3640",
    outline="#55626f",
    text="#e8ecf1",
    quiet="#98a3af",
    grid="#2a323c",
    rest="#4a5562",
    brush="#f4f6f8",
    active="#ff9fdc",
    warning="#ffb74d",
    error="#ff8a80",
    methods=METHOD_COLORS_DARK,
)

#: Two or more choices side by side.
SEGMENTS = {
    "& .MuiToggleButton-root": {
        "height": 32,
        "padding": "0 11px",
        "color": "var(--winnow-quiet)",
        "borderColor": "var(--winnow-outline)",
        "textTransform": "none",
        "whiteSpace": "nowrap",
        "flex": "0 0 auto",
        "width": "auto",
    },
    "& .Mui-selected.MuiToggleButton-root": {  # the other order is overwritten
        "color": "var(--winnow-text) !important",
        "backgroundColor": "var(--winnow-grid) !important",
        "fontWeight": 600,
    },
}
#: As many as there are columns share one line, however long the names of the methods are.
PARTS = SEGMENTS | {
    "width": "100%",
    "& .MuiToggleButton-root": {
        **SEGMENTS["& .MuiToggleButton-root"],
        "flex": "1 1 0",
        "minWidth": 0,
        "padding": "0 8px",
        "display": "inline-block",
        "overflow": "hidden",
        "textOverflow": "ellipsis",
    },
}
#: A select that is the heading of its column.
HEADING = {
    "& .MuiSelect-select": {"fontWeight": 600, "fontSize": "14px", "py": "5px"},
    "&.MuiInput-root:before": {"borderBottomColor": "transparent !important"},
}


def palette(dark: bool) -> Palette:
    """Return the colours of the theme in use."""
    return DARK if dark else LIGHT


def style_figure(plot: figure, colors: Palette, *, axes: bool = True) -> None:
    """Give a figure the quiet look of the page: one small font size, thin lines, no boxes."""
    # transparent: a canvas that was painted light keeps a bright rim after a change to dark
    plot.background_fill_color = plot.border_fill_color = None
    plot.outline_line_color = None
    plot.toolbar.logo = None
    for axis in plot.axis:
        # a size equal to the default (11px) would count as unset and lose to the page theme
        axis.axis_label_text_font_style = "normal"
        axis.axis_label_text_font_size = axis.major_label_text_font_size = "10.5px"
        axis.axis_label_text_font = axis.major_label_text_font = FONT
        axis.axis_label_text_color = axis.major_label_text_color = colors.quiet
        axis.axis_line_color = axis.major_tick_line_color = None
        axis.minor_tick_line_color = None
        axis.axis_label_standoff = 4
        axis.visible = axes
    for grid in plot.grid:
        grid.grid_line_color = colors.grid if axes else None
        grid.minor_grid_line_color = None
    if plot.title is not None:
        plot.title.text_font_size, plot.title.text_font = "12px", FONT
        plot.title.text_color, plot.title.text_font_style = colors.text, "bold"


def powers_of_ten() -> CustomJSTickFormatter:
    """Label decades as plain text: 10⁻³, 0.1, 1, 10 in the font of everything else."""
    return CustomJSTickFormatter(
        code="""
        const power = Math.round(Math.log10(tick))
        if (Math.abs(Math.log10(tick) - power) > 1e-6) return ''
        if (power >= -2 && power <= 3) return String(Math.pow(10, power)).slice(0, 4)
        const raised = {'-': '⁻', 0: '⁰', 1: '¹', 2: '²', 3: '³', 4: '⁴', 5: '⁵', 6: '⁶',
                        7: '⁷', 8: '⁸', 9: '⁹'}
        return '10' + [...String(power)].map((c) => raised[c]).join('')
        """
    )


def theme_config() -> dict[str, Any]:
    """Return the Material theme: system-independent fonts, small radius, calm palette."""
    shape = {
        "typography": {"fontFamily": FONT, "fontSize": 13, "button": {"textTransform": "none"}},
        "shape": {"borderRadius": 6},
    }

    def mode(c: Palette) -> dict[str, Any]:
        return {
            "primary": {"main": c.text, "contrastText": c.card},
            "background": {"default": c.page, "paper": c.card},
            "text": {"primary": c.text, "secondary": c.quiet},
            "divider": c.border,
        }

    return {
        "light": {"palette": mode(LIGHT), **shape},
        "dark": {"palette": mode(DARK), **shape},
    }


#: Below this width a row breaks instead of reaching beyond the window.
NARROW = """
@media (max-width: 1240px) {
  :host { flex-wrap: wrap !important; max-width: calc(100vw - 24px) !important;
    min-width: 0 !important; }
}
"""
NARROWEST = NARROW.replace("1240px", "899px").replace("- 24px", "- 40px")
#: From this width on the inspector stands beside the columns; below it is a drawer.
WIDE = 1200
#: Below this width one of the three columns is shown at a time.
THREE = 900
#: For what only a window without room for the inspector, or for three columns, has use for.
ONLY_NARROW = f"@media (min-width: {WIDE}px) {{:host {{display: none !important;}}}}"
ONLY_NARROWEST = f"@media (min-width: {THREE}px) {{:host {{display: none !important;}}}}"

#: Below the width of three columns only the one that was picked is shown.
ONE = (
    f"@media (max-width: {THREE - 0.02}px) "
    "{:host(.card:not(.picked)) {display: none !important;}}"
)
#: A row asks for room for all its children, the hidden ones included.
SHRINKS = ":host {min-width: 0 !important;}"
SMALL_TOOLBAR = """
:host { --button-width: 22px; --button-height: 22px; height: 22px; }
"""

CARD = """
:host(.card) {
  background: var(--winnow-card); border: 1px solid var(--winnow-border); border-radius: 8px;
  box-sizing: border-box;
}
"""


def variables(colors: Palette) -> dict[str, str]:
    """Return the colours as style variables, to be set once on the document."""
    pairs = {
        "page": colors.page,
        "card": colors.card,
        "border": colors.border,
        "outline": colors.outline,
        "text": colors.text,
        "quiet": colors.quiet,
        "grid": colors.grid,
        "active": colors.active,
        "warning": colors.warning,
        "error": colors.error,
    }
    pairs |= {f"m{i}": value for i, value in enumerate(colors.methods)}
    return {f"--winnow-{name}": value for name, value in pairs.items()}
