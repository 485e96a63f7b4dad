"""What runs in the browser or is heard from it: scripts, drawing clock, closed tabs."""
