"""Decisions about where instances go: facts in, a plan with its reasons out. Values only."""
