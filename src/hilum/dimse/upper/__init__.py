"""The DICOM upper layer (PS3.8): PDUs, the state table, negotiation, one association."""
