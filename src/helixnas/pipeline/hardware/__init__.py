"""Hardware that is not here: devices, their speed as published or measured, and the hours a recipe would take on them."""
