import pytest
from pydantic import ValidationError

from hilum.destinations.dimse.opening import dimse_destination, options_of
from hilum.destinations.dimse.settings import DimseDestinationSettings
from hilum.dimse.upper.items import IdentityType
from hilum.kernel.names import AETitle
from hilum.testing.payloads import MemoryPayloads

LEAST = {"type": "dimse", "host": "10.1.2.9", "ae_title": "PACS"}


def settings(**more):
    return DimseDestinationSettings.model_validate({**LEAST, **more})


def test_host_and_title_are_enough():
    made = dimse_destination(
        "pacs", settings(), calling=AETitle("HILUM"), payloads=MemoryPayloads()
    )

    assert str(made.address) == "PACS (10.1.2.9:104)"
    assert made.address.calling == "HILUM"
    assert made.manner.transfer_syntaxes is None


def test_what_is_set_is_used():
    chosen = settings(
        calling_ae_title="GATE",
        transfer_syntaxes=["jpeg_lossless", "implicit_little_endian"],
        prefer="implicit_little_endian",
        keep_alive_seconds=3,
        already_there="accept",
    )
    made = dimse_destination("pacs", chosen, calling=AETitle("HILUM"), payloads=MemoryPayloads())

    assert made.address.calling == "GATE"
    assert made.manner.transfer_syntaxes == {"1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2"}
    assert made.manner.prefer == "1.2.840.10008.1.2"
    assert made.manner.keep_open_seconds == 3
    assert made.manner.already_there == "accept"


def test_the_window_is_the_number_of_associations():
    assert settings(associations_max=7).window_max == 7


def test_user_and_password_become_an_identity():
    identity = options_of(settings(user="hilum", password="secret")).user_identity

    assert identity is not None
    assert identity.type == IdentityType.USERNAME_AND_PASSCODE
    assert (identity.primary, identity.secondary) == (b"hilum", b"secret")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"password": "x"}, "without `user`"),
        ({"tls": {"key": "k.pem"}}, "needs `certificate`"),
        ({"prefer": "jpeg_lossless"}, "is compressed"),
        ({"transfer_syntaxes": ["jpeg"]}, "is no transfer syntax"),
        ({"transfer_syntaxes": "1.2.840.10008.1.2.99"}, "no transfer syntax of the standard"),
        (
            {"transfer_syntaxes": ["rle"], "prefer": "implicit_little_endian"},
            "not among `transfer_syntaxes`",
        ),
        ({"associations_max": 0}, "greater than or equal to 1"),
        ({"ae_title": "TOO LONG FOR A TITLE"}, "at most 16"),
    ],
)
def test_what_makes_no_sense_says_why(wrong, said):
    with pytest.raises(ValidationError) as caught:
        settings(**wrong)

    assert said in str(caught.value)
