import pydicom.charset
import pytest

from hilum.dicom.charsets import charset_of, decode

# PS3.5 Annexes H to K, PS3.3 §C.12.1.1.2 and pydicom's own cases.
EXAMPLES = [
    (b"ISO_IR 100", b"Buc^J\xe9r\xf4me", "Buc^Jérôme"),
    (b"ISO_IR 101", b"W\xb3\xb1cza", "Włącza"),
    (b"ISO_IR 126", b"\xc4\xe9\xef\xed\xf5\xf3\xe9\xef\xf2", "Διονυσιος"),
    (b"ISO_IR 127", b"\xe2\xc8\xc7\xe6\xea^\xe4\xe6\xd2\xc7\xd1", "قباني^لنزار"),
    (b"ISO_IR 138", b"\xf9\xf8\xe5\xef^\xe3\xe1\xe5\xf8\xe4", "שרון^דבורה"),
    (b"ISO_IR 144", b"\xbb\xee\xdace\xdc\xd1yp\xd3", "Люкceмбypг"),  # noqa: RUF001
    (b"ISO_IR 148", b"\xc7avu\xfeo\xf0lu", "Çavuşoğlu"),
    (b"ISO_IR 203", b"\xa4 \xbduvre", "€ œuvre"),
    (b"ISO_IR 166", b"\xa1\xd2\xc3", "การ"),
    (b"ISO_IR 192", "Wang^XiaoDong=王^小東".encode(), "Wang^XiaoDong=王^小東"),
    (b"GB18030", "Wang^XiaoDong=王^小东".encode("gb18030"), "Wang^XiaoDong=王^小东"),
    (b"GBK", "王^小东".encode("gbk"), "王^小东"),
    (
        b"ISO 2022 IR 13\\ISO 2022 IR 87",
        b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J",
        "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎",
    ),
    (
        b"\\ISO 2022 IR 87",
        b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
        "Yamada^Tarou=山田^太郎=やまだ^たろう",
    ),
    (
        b"\\ISO 2022 IR 149",
        b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
        "Hong^Gildong=洪^吉洞=홍^길동",
    ),
    (
        b"\\ISO 2022 IR 58",
        b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab=",
        "Zhang^XiaoDong=张^小东=",
    ),
    (
        b"ISO 2022 IR 100\\ISO 2022 IR 144\\ISO 2022 IR 126",
        b"Dionysios=\x1b-L\xbb\xee\xda=\x1b-F\xc4\xe9\xef\xed\xf5\xf3\xe9\xef\xf2",
        "Dionysios=Люк=Διονυσιος",
    ),
    (b"\\ISO 2022 IR 159", b"\x1b$(D0\x21\x1b(B", "丂"),
]


@pytest.mark.parametrize(("charset", "raw", "text"), EXAMPLES)
def test_examples_of_the_standard_are_decoded(charset, raw, text):
    assert decode(raw, charset_of(charset)) == text


# pydicom 3.0 does not know ISO_IR 203, and leaves the escape sequences of IR 58 in the text.
KNOWN_TO_PYDICOM = [e for e in EXAMPLES if b"203" not in e[0] and b"IR 58" not in e[0]]


@pytest.mark.parametrize(("charset", "raw", "text"), KNOWN_TO_PYDICOM)
def test_pydicom_decodes_them_alike(charset, raw, text):
    terms = [term.decode() for term in charset.split(b"\\")]
    encodings = pydicom.charset.convert_encodings(terms)

    assert pydicom.charset.decode_bytes(raw, encodings, set(map(ord, "^=\\"))) == text


@pytest.mark.parametrize(
    ("value", "codec"),
    [
        (b"", "latin_1"),
        (b"ISO_IR 6", "latin_1"),
        (b"ISO_IR_100", "latin_1"),
        (b"ISO-IR 100 ", "latin_1"),
        (b"iso_ir 144", "iso8859_5"),
        (b"ISO-IR 192\0", "utf_8"),
        (b"UTF-8", "utf_8"),
        (b"UNICODE UTF-8", "utf_8"),
        (b"ISO 8859/2", "iso8859_2"),
        (b"8859/1", "iso8859_1"),
        (b"ISO 2022 58", "gb2312"),
        (b"ISO 2022 GBK", "gbk"),
        (b"ISO_IR 100\\ISO_IR 144", "latin_1"),
    ],
)
def test_terms_are_understood_as_written_in_the_field(value, codec):
    charset = charset_of(value)

    assert charset.known
    assert charset.codec == codec


@pytest.mark.parametrize("value", [b"ISO_IR 999", b"KLINGON", b"8859/12", b"\xff\xfe"])
def test_unknown_terms_are_marked_and_read_as_latin_1(value):
    charset = charset_of(value)

    assert not charset.known
    assert decode(b"J\xe9r\xf4me", charset) == "Jérôme"


def test_a_delimiter_ends_a_code_extension():
    raw = b"\x1b-F\xc4^\xc4"

    assert decode(raw, charset_of(b"ISO 2022 IR 100")) == "Δ^Ä"


def test_bytes_without_meaning_are_replaced_not_dropped():
    assert decode(b"a\xffb", charset_of(b"ISO_IR 192")) == "a\ufffdb"
    assert decode(b"a\x1b%Gb", charset_of(b"ISO_IR 100")) == "a\ufffd%Gb"
