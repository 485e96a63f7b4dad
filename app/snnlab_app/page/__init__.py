"""One page: layout, toolbar, presets, tour, and pages that watch another."""
