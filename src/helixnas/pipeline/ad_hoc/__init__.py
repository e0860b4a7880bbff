"""Work on a run that exists, beside its recipe: new searches, latencies, comparisons and checks."""
