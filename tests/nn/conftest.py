"""The script that made the stored figures needs PyTorch, which the tests do not."""

collect_ignore = ["make_pytorch_figures.py"]
