"""The frame around the stages: page, budget bar, export dialog, shortcuts, first paint, server."""
