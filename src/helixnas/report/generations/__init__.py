"""The page that compares the generations of a search, and the sentences that it shares with the terminal."""
