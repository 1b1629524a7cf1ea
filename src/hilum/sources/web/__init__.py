"""DICOMweb and its neighbours: what is held, over HTTP."""
