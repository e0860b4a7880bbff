"""Work on an existing run outside its recipe: searches, latencies, comparisons and checks."""
