"""From a teacher, images and limits to a recipe: look at each, fit a space, choose a schedule. Begin reading at `proposal`."""
