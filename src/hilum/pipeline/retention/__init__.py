"""What is kept for how long, and letting go of it: decided by rules, done page by page."""
