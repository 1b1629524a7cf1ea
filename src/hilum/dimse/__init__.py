"""DIMSE as a value machine: bytes in, events out. No socket, clock or thread in here."""
