"""Training in the loop: network, gradient, loss, optimizer, trainer, and its diagnosis.

Imports ``config``, ``data``, ``chip``, ``model`` and what lies below them.
"""

import snnlab.chip  # noqa: F401 - sets how OpenMP waits, before torch loads it
