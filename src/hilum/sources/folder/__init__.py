"""The folder door: files that somebody drops become instances."""
