"""Archives elsewhere that answer for us: asked together, fetched from, and put up with."""
