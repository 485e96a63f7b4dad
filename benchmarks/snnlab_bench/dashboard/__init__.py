"""The dashboard measured in a real browser and under many visitors."""
