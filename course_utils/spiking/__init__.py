"""Spiking neurons, encoders, gradients, layers, networks and STDP. Read this room to learn from it."""
