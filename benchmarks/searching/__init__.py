"""What benchmarks/search.py measures, on which instances, and how the page shows it."""
