"""The doors things come in by. The only rooms with listening sockets."""
