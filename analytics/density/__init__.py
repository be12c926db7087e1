"""Kohn-Sham electron density on grid points: how much of it a model needs."""
