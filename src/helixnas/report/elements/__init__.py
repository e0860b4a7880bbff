"""Parts that every page shares: its frame, charts, drawings of networks, and how numbers and names are written."""
