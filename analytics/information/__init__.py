"""Kernel, entropy and outlier scores."""
