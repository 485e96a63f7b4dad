"""One page: layout, toolbar, tour, scenarios and lessons, and pages that watch another."""
