"""Emission: the NumPy source of a program, one to be read and one that runs in planned buffers."""
