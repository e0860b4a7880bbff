"""The pages of the ranking lab: a ranking with its baselines, and a study; sentences stand apart from charts."""
