"""What is said when a port cannot be had names what is wrong with it, not what might be."""

import errno

import pytest

from hilum.service.web import cannot_listen


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.EADDRINUSE, "another program has it"),
        (errno.EACCES, "CAP_NET_BIND_SERVICE"),
        (errno.EADDRNOTAVAIL, "no address of this machine"),
        (errno.EAFNOSUPPORT, "not supported"),
    ],
)
def test_the_remedy_is_that_of_the_error(code, words):
    said = cannot_listen("sources.dimse", "10.1.2.3", 104, OSError(code, "x"))

    assert said.startswith("sources.dimse: cannot listen on '10.1.2.3' port 104: ")
    assert words in said
