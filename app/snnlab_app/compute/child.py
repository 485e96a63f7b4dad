"""Child processes of the server: spawned, and not interrupted by Ctrl-C."""

from multiprocessing import get_context

from snnlab.text.progress import ignore_ctrl_c

__all__ = ["ignore_ctrl_c", "spawn"]

spawn = get_context("spawn")
