"""The commands: `python -m tinygrad_np check FILE.py`, and `exercise FILE.py`."""

import sys

from .check.command import main

if __name__ == "__main__":
    sys.exit(main())
