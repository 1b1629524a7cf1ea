"""The DIMSE door: listens for associations, lets known peers in, hands their instances to intake."""
