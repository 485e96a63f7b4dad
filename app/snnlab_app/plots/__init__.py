"""Live plots: figures that stay while their data change, with theme, cards and saving."""
