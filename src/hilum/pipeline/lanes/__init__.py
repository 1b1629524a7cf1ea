"""Lanes bring deliveries to their destinations: one lane for each destination and process."""
