"""HTML elements of the page: those of `analytics.runtime.html`."""

from analytics.runtime.html import *  # noqa: F403
