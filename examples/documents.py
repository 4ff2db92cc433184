"""Every figure of the three documents, reproduced, and once more compiled: trainings, gradients, pictures, one table.

    python examples/documents.py --out pictures

The exit status is 0 if every figure that can be expected to agree does and every gradient is right, else 1.
"""

from __future__ import annotations

import circles_network
import moons_network
import notebook_moons
import notebook_network
from reproduction import main

NETWORKS = (
    moons_network.reproduce,
    circles_network.reproduce,
    circles_network.reproduce_class,
    notebook_network.reproduce_step,
    notebook_network.reproduce_training,
    notebook_moons.reproduce,
)

if __name__ == "__main__":
    raise SystemExit(main(__doc__.splitlines()[0], *NETWORKS))
