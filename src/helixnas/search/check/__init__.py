"""Certificates and their check, which shares no code with the solver (`helixnas.search.exact`)."""
