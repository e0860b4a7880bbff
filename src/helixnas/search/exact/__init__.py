"""The exact solver: dynamic programming within Lagrangian bounds, and what rests on it (fronts, diverse answers)."""
