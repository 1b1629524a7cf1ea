"""Who wrote this file: the implementation identity that Hilum gives in associations and files."""

from typing import Final

from hilum.kernel.names import UID

# Derived from a UUID (PS3.5 Annex B.2). It names the implementation, not a release, so it stays.
IMPLEMENTATION_CLASS_UID: Final = UID("2.25.189371538312974838592744041217219385603")
IMPLEMENTATION_VERSION_NAME: Final = "HILUM_0_1"
