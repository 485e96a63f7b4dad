"""Networks from and to other libraries, as NIR graphs.

Imports ``runs`` and ``learn``.
"""
