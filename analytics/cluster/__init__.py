"""The same calls on a Dask cluster."""
