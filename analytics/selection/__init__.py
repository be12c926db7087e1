"""Selections: which structures to keep, in the order they were picked."""
