"""What networks are made of: activations, linear maps, normalization, attention, losses; names as in PyTorch."""

from . import activations, attention, classification, linear, losses, normalization, recurrence, targets

FILES = (activations, linear, normalization, recurrence, attention, targets, classification, losses)
