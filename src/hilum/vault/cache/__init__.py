"""The part of a vault whose files are never the only copy of anything."""
