"""File formats of our own: one module each, recognised by content."""
