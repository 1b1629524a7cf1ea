"""What the workers of one gateway tell each other, so that any of them answers for all."""
