"""What every room needs: errors, progress, registries, the store, processes and arrays."""
