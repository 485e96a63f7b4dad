"""The paper's tables and figures, measured on the emulated chip: ``snnlab reproduce``.

``plan`` says what is trained, ``job`` trains one of it, ``cache`` keeps what came out, ``study``
runs what is missing, ``rows`` and ``figures`` turn records into numbers and pictures, ``report``
writes them.
"""
