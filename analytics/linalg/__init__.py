"""Numerical building blocks that several rooms share: clustering, heaps, principal axes."""
