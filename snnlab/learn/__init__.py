"""Training in the loop: network, gradient, loss, optimizer, trainer, and its diagnosis.

Imports ``data``, ``config``, ``topology``, ``chip`` and what lies below them.
"""

import snnlab.chip.openmp  # noqa: F401 - tells OpenMP how to wait, before torch loads it
