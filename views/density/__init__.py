"""The Density stage: how much of a Kohn-Sham electron density a model needs."""
