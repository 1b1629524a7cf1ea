"""The data set: structure, dictionary, character sets, Part 10 files. No I/O of its own.

The only room that may import pydicom, and not on the hot path.
"""
