"""The structure inspector: one structure, its atoms in 3D, and what is brushed."""
