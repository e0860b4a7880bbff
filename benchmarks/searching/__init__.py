"""The measurements of benchmarks/search.py, their instances, and the page of results."""
