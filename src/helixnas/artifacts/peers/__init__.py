"""Peers of a run's winner: other networks of its size, trained alike, and what each of them classifies right."""
