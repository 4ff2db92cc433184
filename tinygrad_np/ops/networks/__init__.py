"""What networks are made of: activations, linear maps, normalization, attention, losses; names as in PyTorch."""

from . import activations, linear

FILES = (activations, linear)
