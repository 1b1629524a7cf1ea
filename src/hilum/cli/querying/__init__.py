"""What `hilum find`, `get`, `move` and `recv` are made of."""
