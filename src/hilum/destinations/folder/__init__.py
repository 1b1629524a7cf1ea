"""A folder as a destination: Part 10 files under names that a template makes of their values."""
