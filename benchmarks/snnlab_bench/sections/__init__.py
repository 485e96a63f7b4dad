"""The sections of ``snnlab bench``."""
