"""Doors that instances leave by. One room per kind of destination; each opens its own sockets."""
