"""What one picture may cost, whoever sent the image. Held before anything is decoded."""

from typing import Final

# The largest mammograms have 30 million pixels, digitised films 50. A frame of this size takes
# half a second and half a gigabyte, with all its intermediate forms.
FRAME_BYTES_MAX: Final = 256 << 20
# Nothing that compresses makes more of an image than twice its size and a few kilobytes.
CODESTREAM_BYTES_MAX: Final = 2 * FRAME_BYTES_MAX
# Rows and Columns are 16 bits; JPEG has 65,500 a side (libjpeg), GIF 65,535.
SIDE_PIXELS_MAX: Final = 65_500
# Without a viewport a picture is as large as its image, but for pixels that are not square.
PICTURE_PIXELS_MAX: Final = 1 << 27
# A codestream that names more colours than an image has is a bomb.
SAMPLES_MAX: Final = 4
# Pixels that are longer than wide by more are a mistake of the header.
ASPECT_MAX: Final = 10.0
# Markers before the frame header of a JPEG: tables, comments, profiles of 64 KiB each.
MARKERS_MAX: Final = 1_000
# Entries of a lookup table: 16 bits (PS3.3 §C.11.1.1.1).
LUT_ENTRIES_MAX: Final = 1 << 16
