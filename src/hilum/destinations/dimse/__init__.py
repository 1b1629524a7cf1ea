"""The requestor side of DIMSE: address, options and TLS of a peer, and associations with it."""
