"""One page: layout, toolbar, tour, and pages that watch another."""
