"""The paper's tables and figures, measured on the emulated chip: ``snnlab reproduce``.

``plan`` lists the trainings, ``job`` runs one, ``cache`` stores the records, ``study`` runs missing
jobs, ``rows`` and ``figures`` turn records into tables and figures, ``report`` writes them.
"""
