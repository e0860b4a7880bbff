"""Finished models: opened by name or folder, validated, fine-tuned and exported."""
