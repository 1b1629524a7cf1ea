"""Stores that go through: instances handed on to another archive while their sender waits."""
