"""Cutting a teacher where a recipe names no boundaries: its stream, the candidates on it, and the choice among them."""
