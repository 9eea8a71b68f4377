"""A virtual chip, and real chips' emulators, limits and energy."""
