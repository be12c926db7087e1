"""Parts that every stage is made of: theme, widgets, forms, gestures, drop zone."""
