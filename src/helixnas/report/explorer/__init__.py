"""The budget explorer of a run's page: the answers of all budgets, as data that the page's script chooses among."""
