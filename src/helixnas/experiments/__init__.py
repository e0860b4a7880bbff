"""Experiments made of runs: rankings against trained networks, benchmarks, baselines and studies."""
