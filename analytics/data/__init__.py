"""The data set: reading it, checking it, writing parts of it."""
