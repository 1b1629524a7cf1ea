"""Media: the directory of a file-set (PS3.10 §8, PS3.3 Annex F)."""
