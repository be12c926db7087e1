"""Lattices, neighbour search, box trees and spherical harmonics."""
