"""Theme: colours, sizes and CSS variables of the page, in light and dark."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

__all__ = [
    "DARK",
    "LIGHT",
    "METHOD_COLORS",
    "THREE",
    "WIDE",
    "Palette",
    "palette",
    "theme_config",
    "variables",
]

#: Okabe-Ito blue, bluish green, vermilion and reddish purple: one per column, safe for
#: colour-blind readers.
METHOD_COLORS = ("#0072b2", "#009e73", "#d55e00", "#cc79a7")
#: The same hues lifted for a dark background.
METHOD_COLORS_DARK = ("#4aa3df", "#2fc498", "#f08a45", "#e6a3c8")

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
    methods: tuple[str, str, str, str]
    #: of a model that is none of the columns
    other: str


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
    other="#7b4fa3",
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
    other="#c39be0",
)


def palette(dark: bool) -> Palette:
    """Return the colours of the theme in use."""
    return DARK if dark else LIGHT


#: How Material's parts look everywhere on the page, in the words of its own theme.
COMPONENTS: dict[str, Any] = {
    "MuiButtonBase": {
        "styleOverrides": {
            "root": {
                "&.Mui-focusVisible": {"outline": "2px solid var(--winnow-m0)", "outlineOffset": 1}
            }
        }
    },
    "MuiToggleButton": {
        "styleOverrides": {
            "root": {
                "height": 32,
                "padding": "0 11px",
                "color": "var(--winnow-quiet)",
                "borderColor": "var(--winnow-outline)",
                "textTransform": "none",
                "whiteSpace": "nowrap",
                "flex": "0 0 auto",
                "width": "auto",
                "@media (max-width: 899.98px)": {"padding": "0 6px"},
                # the state has no slot of its own in the theme (MUI 7)
                "&&.Mui-selected, &&.Mui-selected:hover": {
                    "color": "var(--winnow-text)",
                    "backgroundColor": "var(--winnow-grid)",
                    "fontWeight": 600,
                },
            }
        }
    },
    "MuiDialog": {
        "styleOverrides": {
            "paper": {
                "backgroundImage": "none",  # dark: a veil that would lighten it
                "border": "1px solid var(--winnow-outline)",
            }
        }
    },
    "MuiDialogTitle": {
        "styleOverrides": {"root": {"fontSize": "17px", "padding": "14px 26px 8px"}}
    },
}


def theme_config() -> dict[str, Any]:
    """Return the Material theme: system-independent fonts, small radius, calm palette."""
    shape = {
        "typography": {"fontFamily": FONT, "fontSize": 13, "button": {"textTransform": "none"}},
        "shape": {"borderRadius": 6},
        "components": COMPONENTS,
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


#: From this width on the inspector stands beside the columns; below it is a drawer. The style
#: sheets say both widths too.
WIDE = 1200
#: Below this width one column is shown at a time.
THREE = 900


def variables(colors: Palette) -> dict[str, str]:
    """Return the colours as style variables, to be set once on the document."""
    names = (item.name for item in fields(colors) if item.name != "methods")
    pairs = {name: getattr(colors, name) for name in names}
    pairs |= {f"m{i}": value for i, value in enumerate(colors.methods)}
    return {f"--winnow-{name}": value for name, value in pairs.items()}
