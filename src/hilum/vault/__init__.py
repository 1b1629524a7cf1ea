"""Payload bytes, only here: Part 10 files in folders, each carrying what makes it known again."""
