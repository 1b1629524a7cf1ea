"""Assembly: read the configuration, build the house, wire it, keep it running, stop it well."""
