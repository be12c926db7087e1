"""Papers that claims were published in."""

__all__ = ["COMPRESSION", "INFORMATION", "PRUNING"]

COMPRESSION = "Yu, Lordi, Schwalbe-Koda, arXiv:2511.10561"
INFORMATION = "Schwalbe-Koda et al., Nat. Commun. 16, 4014 (2025), and arXiv:2511.10561"
PRUNING = "Hossain et al., arXiv:2507.09001"
