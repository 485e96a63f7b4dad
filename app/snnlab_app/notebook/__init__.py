"""The dashboard inside a notebook, computed in its kernel."""
