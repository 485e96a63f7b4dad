"""Live plots, whose data are replaced without redrawing; theme, cards and saving."""
