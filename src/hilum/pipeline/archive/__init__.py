"""What is held, found and given out: the middle that C-FIND, C-MOVE, C-GET and DICOMweb share."""
