"""The Compare stage: selections side by side."""
