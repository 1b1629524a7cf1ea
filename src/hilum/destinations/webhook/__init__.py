"""A webhook as a destination: it is told what there is, and gets no instance."""
