"""State: what a function can reach besides its arguments, and whether that is as it was."""
