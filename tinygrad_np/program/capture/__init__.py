"""Capture: a function run on values that write down what is done with them, as the equations of a program."""
