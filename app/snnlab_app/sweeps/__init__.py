"""The sweep's form, ranges, plots and words on the page."""
