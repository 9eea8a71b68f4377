"""Data sets: found, fetched, checked, drawn; and keyed random numbers."""
