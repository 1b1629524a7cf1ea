"""The DIMSE door: listens, lets known peers in, and hands their instances to intake."""
