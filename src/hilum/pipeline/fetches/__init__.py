"""Requests to bring studies from one place to another: asked for by programs, or by prefetching."""
