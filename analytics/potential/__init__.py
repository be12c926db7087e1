"""A linear potential (sparse SOAP-GAP): basis, design rows, normal equations and fits."""
