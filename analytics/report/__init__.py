"""Report: one self-contained HTML file of a data set and what selections keep of it."""
