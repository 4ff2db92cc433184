"""The steps of a loop, unrolled in a program, done at once where they do not wait for each other."""
