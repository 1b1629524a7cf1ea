"""A page for a quick look at what is held: studies, series, and a stack of images."""
