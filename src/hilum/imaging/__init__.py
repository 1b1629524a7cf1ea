"""Pictures of pixels: what a data set says of them, decoding, and how they are shown.

Pure functions over values. What needs numpy, pillow or imagecodecs (the extra `pixels`) says so in
its first lines; the rest is for who only wants to know whether there is a picture.
"""
