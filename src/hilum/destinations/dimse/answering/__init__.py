"""A DIMSE peer as an archive that answers for us: C-FIND, C-GET, C-MOVE to ourselves."""
