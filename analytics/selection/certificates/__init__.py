"""Certificates: bounds on how far a selection is from the best possible one."""
