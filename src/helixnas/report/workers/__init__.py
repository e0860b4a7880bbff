"""The part of a run's page about its workers: what ran where, and how the jobs would scale."""
