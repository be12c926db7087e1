"""Claims about compressing data sets by minimum set cover (Yu, Lordi, Schwalbe-Koda)."""
