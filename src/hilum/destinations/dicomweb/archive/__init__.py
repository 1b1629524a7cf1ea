"""A DICOMweb server as an archive of ours: searched by QIDO-RS, fetched from by WADO-RS."""
