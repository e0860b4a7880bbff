"""Several processes that train together on parts of every batch."""
