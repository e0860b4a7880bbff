"""The page of a transferred network."""
