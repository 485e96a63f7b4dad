"""One training that a person steers: worker thread, orders, snapshots, what is kept of it.

Computes without panel; imports the library only.
"""
