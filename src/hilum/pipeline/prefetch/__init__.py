"""Prefetching: relevant earlier studies are here before somebody opens them."""
