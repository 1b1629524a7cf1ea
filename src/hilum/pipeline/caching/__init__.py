"""Payloads of archives elsewhere, kept for a while: never the only copy of anything."""
