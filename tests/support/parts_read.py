"""What a reader of multipart bodies gives, for tests of it."""

from hilum.dicomweb.multipart_reader import PartBegan, PartBytes, PartEnded


def read(pieces, reader):
    """Give what came of each part with each piece; a part that is complete ends with None."""
    found = []
    for piece in pieces:
        for event in reader.feed(piece):
            match event:
                case PartBegan():
                    found.append([])
                case PartBytes(content):
                    found[-1].append(bytes(content))
                case PartEnded():
                    found[-1].append(None)
    return found
