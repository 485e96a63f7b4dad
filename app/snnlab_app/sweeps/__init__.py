"""The form, ranges, plots and texts of a sweep on the page; ``snnlab.sweeps`` runs it."""
