"""Sliders bound to pure drawing functions: one module a lesson."""
