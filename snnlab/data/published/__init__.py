"""Published and generated data sets, those that are downloaded verified by checksum.

``sources`` gets idx files from folders, cache, mirrors or a wheel; each other data set has a module
of its own. Imports the rest of ``data`` but ``loading`` and ``teaching``.
"""
