"""Formats of export: what each training code reads, one module each."""
