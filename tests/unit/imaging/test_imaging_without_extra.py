"""A gateway that is installed without the extra `pixels` runs, and says what it lacks."""

import subprocess
import sys

PROGRAM = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"numpy", "PIL", "imagecodecs"}:
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Absent())
import hilum.service.house
import hilum.sources.web.picturing
assert not {"numpy", "PIL", "imagecodecs"} & {name.partition(".")[0] for name in sys.modules}
"""


def test_nothing_that_serves_needs_it():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=False)

    assert done.returncode == 0, done.stderr
