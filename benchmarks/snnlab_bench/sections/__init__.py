"""The sections of ``snnlab bench``, each measured in its own way."""
