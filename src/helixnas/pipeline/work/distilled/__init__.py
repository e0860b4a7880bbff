"""What the distill stage keeps in the run folder, and continues from."""
