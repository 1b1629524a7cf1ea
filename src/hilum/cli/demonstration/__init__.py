"""What `hilum demo` is made of: a real gateway in a process of its own, and a pretend modality."""
