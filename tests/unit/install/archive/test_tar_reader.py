"""The tar reader with headers of historic formats, and damaged ones."""

from __future__ import annotations

import io
import tarfile

import pytest

from envmgr.install.archive import tar_reader
from envmgr.install.archive.entry import DIRECTORY, FILE, HARDLINK, SYMLINK
from envmgr.kit.errors import BadArchive


def header(
    name=b"a", size=b"00000000005\0", kind=b"0", link=b"", magic=b"ustar\x0000", prefix=b"", mtime=b"0\0"
):
    fields = [
        name.ljust(100, b"\0"),
        b"0000644\0",
        b"0000000\0" * 2,
        size.ljust(12, b"\0"),
        mtime.ljust(12, b"\0"),
    ]
    tail = [
        kind,
        link.ljust(100, b"\0"),
        magic.ljust(8, b"\0"),
        bytes(80),
        prefix.ljust(155, b"\0"),
        bytes(12),
    ]
    content = b"".join(fields) + b" " * 8 + b"".join(tail)
    return content[:148] + b"%06o\0 " % sum(content) + content[156:]


def block(content):
    return content + bytes(-len(content) % 512)


END = bytes(1024)


def read(*parts, piece=1 << 16, is_sealed=False, holes=None):
    data = b"".join(parts)
    holes = [] if holes is None else holes
    pieces = iter([data[at : at + piece] for at in range(0, len(data), piece)])
    return [
        (entry.path, entry.kind, b"".join(map(bytes, entry.content)), entry.target)
        for entry in tar_reader.read(pieces, is_sealed=is_sealed, count_hole=holes.append)
    ]


@pytest.mark.parametrize("piece", [1, 7, 511, 512, 513, 4096])
def test_a_stream_is_read_with_any_block_boundaries(piece):
    content = b"hello" * 300
    size = b"%011o\0" % len(content)
    assert read(header(size=size), block(content), header(b"b"), block(b"12345"), END, piece=piece) == [
        ("a", FILE, content, ""),
        ("b", FILE, b"12345", ""),
    ]


def test_unread_content_is_skipped():
    pieces = iter([header(), block(b"12345"), header(b"b", size=b"0"), END])
    assert [entry.path for entry in tar_reader.read(pieces, is_sealed=False, count_hole=int)] == ["a", "b"]


def test_a_v7_directory_is_recognized_by_its_slash():
    assert read(header(b"d/", size=b"0", kind=b"\0", magic=b""), END)[0][1] == DIRECTORY


def test_a_ustar_prefix_is_put_before_the_name_but_not_in_gnu_format():
    assert read(header(b"x", size=b"0", prefix=b"some/where"), END)[0][0] == "some/where/x"
    assert read(header(b"x", size=b"0", prefix=b"12345", magic=b"ustar  "), END)[0][0] == "x"


def test_gnu_long_names_and_links():
    name, target = b"n" * 300, b"t" * 200
    parts = [header(size=b"%o" % 301, kind=b"L"), block(name + b"\0"), header(size=b"%o" % 201, kind=b"K")]
    parts += [
        block(target + b"\0"),
        header(size=b"0", kind=b"2", link=b"short"),
        header(b"next", size=b"0"),
        END,
    ]
    assert read(*parts) == [("n" * 300, SYMLINK, b"", "t" * 200), ("next", FILE, b"", "")]


def pax(**records):
    text = b""
    for key, value in records.items():
        line = f" {key.replace('__', '.')}={value}\n".encode()
        length = len(line) + 1
        while len(b"%d" % length) + len(line) != length:
            length += 1
        text += b"%d" % length + line
    return header(size=b"%o" % len(text), kind=b"x"), block(text)


def test_pax_records_override_the_header_of_one_entry():
    entries = read(
        *pax(path="päth", size="3", mtime="1.25"), header(), block(b"abc"), header(b"b", size=b"0"), END
    )
    assert entries == [("päth", FILE, b"abc", ""), ("b", FILE, b"", "")]


def test_times_may_have_fractions_and_lie_before_1970():
    def mtime_of(text):
        pieces = iter([*pax(mtime=text), header(size=b"0"), END])
        return next(tar_reader.read(pieces, is_sealed=False, count_hole=int)).mtime

    assert mtime_of("1.25") == 1_250_000_000
    assert mtime_of("1700000000.123456789") == 1_700_000_000_123_456_789
    assert mtime_of("-1.5") == -1_500_000_000


def test_sizes_in_base_256_are_read():
    assert read(header(size=b"\x80" + (5).to_bytes(11, "big")), block(b"12345"), END)[0][2] == b"12345"


def test_hard_links_have_no_content():
    assert read(header(), block(b"12345"), header(b"b", kind=b"1", link=b"a"), END)[1] == (
        "b",
        HARDLINK,
        b"",
        "a",
    )


@pytest.mark.parametrize(
    ("kind", "name"),
    [(b"3", "character device"), (b"4", "block device"), (b"6", "FIFO")],
)
def test_other_entry_types_are_named(kind, name):
    assert read(header(size=b"0", kind=kind), END)[0][1] == name


def sparse_header(name=b"s", size=b"4\0", real=b"24\0", pairs=(), more=False):
    """Return a header of GNU's old format: four pairs, and whether more follow."""
    fields = b"".join(b"%011o\0" % number for pair in pairs for number in pair).ljust(96, b"\0")
    tail = bytes(41) + fields + bytes([more]) + real.ljust(12, b"\0") + bytes(17)
    plain = header(name, size=size, kind=b"S", magic=b"ustar  ")
    content = plain[:148] + b" " * 8 + plain[156:345] + tail
    return content[:148] + b"%06o\0 " % sum(content) + content[156:]


def test_a_sparse_file_of_gnus_old_format_is_read():
    holes = []
    parts = [sparse_header(pairs=[(2, 1), (10, 3)]), block(b"abcd"), header(b"b"), block(b"12345"), END]
    assert read(*parts, holes=holes) == [
        ("s", FILE, b"\0\0a" + bytes(7) + b"bcd" + bytes(7), ""),
        ("b", FILE, b"12345", ""),
    ]
    assert holes == [16]


def test_the_map_of_gnus_old_format_continues_in_blocks():
    pairs = [(2 * number, 1) for number in range(30)]
    fields = [b"%011o\0%011o\0" % pair for pair in pairs]
    blocks = [b"".join(fields[4:25]) + b"\1" + bytes(7), b"".join(fields[25:]).ljust(512, b"\0")]
    first = sparse_header(size=b"36\0", real=b"100\0", pairs=pairs[:4], more=True)
    content = read(first, *blocks, block(b"x" * 30), header(b"b"), block(b"12345"), END)
    assert content[0][2] == b"x\0" * 30 + bytes(4)
    assert content[1][2] == b"12345"


def records(*pairs):
    """Return a pax header of records in order; names may repeat."""
    lines = b""
    for name, value in pairs:
        record = f" {name}={value}\n".encode()
        length = len(record) + 2
        lines += b"%d" % length + record
    assert all(len(line) < 99 for line in lines.split(b"\n"))
    return [header(size=b"%o" % len(lines), kind=b"x"), block(lines)]


SPARSE_PAX = {
    "0.0": [
        *records(
            ("GNU.sparse.size", "20"), ("GNU.sparse.numblocks", "2"),
            ("GNU.sparse.offset", "2"), ("GNU.sparse.numbytes", "1"),
            ("GNU.sparse.offset", "10"), ("GNU.sparse.numbytes", "3"),
        ),
        header(b"s", size=b"4"),
        block(b"abcd"),
    ],
    "0.1": [
        *records(("GNU.sparse.size", "20"), ("GNU.sparse.name", "s"), ("GNU.sparse.map", "2,1,10,3")),
        header(b"GNUSparseFile.1/s", size=b"4"),
        block(b"abcd"),
    ],
    "1.0": [
        *records(
            ("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"),
            ("GNU.sparse.name", "s"), ("GNU.sparse.realsize", "20"),
        ),
        header(b"GNUSparseFile.1/s", size=b"%o" % 516),
        block(b"2\n2\n1\n10\n3\n"),
        block(b"abcd"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("version", SPARSE_PAX)
def test_pax_sparse_files_are_read(version):
    holes = []
    parts = [*SPARSE_PAX[version], header(b"b"), block(b"12345"), END]
    assert read(*parts, holes=holes) == [
        ("s", FILE, b"\0\0a" + bytes(7) + b"bcd" + bytes(7), ""),
        ("b", FILE, b"12345", ""),
    ]
    assert holes == [16]


@pytest.mark.parametrize(
    ("size", "text"),
    [
        ("20", "2,1,1,3"),  # backwards
        ("20", "2,1,10"),  # half a pair
        ("20", "2,1,10,4"),  # more than is stored
        ("20", "2,1,18,3"),  # beyond the end
        ("x", "2,1,10,3"),
        ("20", "2,1,10,-3"),
        ("2" * 30, "2,1,10,3"),
    ],
)
def test_an_invalid_map_is_a_bad_archive(size, text):
    parts = [*records(("GNU.sparse.size", size), ("GNU.sparse.map", text)), header(size=b"4"), block(b"abcd")]
    with pytest.raises(BadArchive):
        read(*parts, END)


@pytest.mark.parametrize(
    "content",
    [b"2\n2\n1\n10\n", b"999999999\n2\n", b"x\n", b"9" * 512, b"", b"2\n2\n1\n10\n3"],
)
def test_an_invalid_map_before_the_data_is_a_bad_archive(content):
    header_records = records(("GNU.sparse.major", "1"), ("GNU.sparse.realsize", "20"))
    with pytest.raises(BadArchive):
        read(*header_records, header(size=b"%o" % 516), block(content or bytes(512)), block(b"abcd"), END)


def test_a_volume_label_is_left_out():
    assert read(header(b"label", size=b"0", kind=b"V"), header(size=b"0"), END)[0][0] == "a"


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [b"x" * 512, END],
        [b"\0" * 100],
        [header()],
        [header(), b"12"],
        [header(size=b"zzz"), END],
        [header(size=b"9"), END],
        [header(size=b"0_1"), END],
        [header(size=b"\xff" * 12), END],
        [header(size=b"\xc0" + bytes(11)), END],
        [header(size=b"%o" % (2 << 20), kind=b"L"), END],
        [header(size=b"30", kind=b"x"), block(b"this is no record"), END],
        [header(size=b"30", kind=b"x"), block(b"99 path=x\n"), END],
        [header(size=b"30", kind=b"x"), block(b"0 path=x\n"), END],
        [header(size=b"777", kind=b"x"), b"10 path=x\n"],
        [*pax(size="-5"), header(), END],
        [*pax(size="1e3"), header(), END],
        [*pax(mtime="soon"), header(), END],
        [*pax(size="5" * 5000), header(), END],
        [*pax(mtime="5" * 5000), header(), END],
        [*pax(mtime="1." + "5" * 5000), header(), END],
        [*pax(path="x"), END],
        [header(), block(b"12345")],
    ],
)
def test_damage_is_a_bad_archive(parts):
    with pytest.raises(BadArchive):
        read(*parts)


def test_a_changed_bit_in_a_header_is_detected():
    damaged = bytearray(header())
    damaged[50] ^= 1
    with pytest.raises(BadArchive, match="corrupt header at byte 0"):
        read(bytes(damaged), END)


def test_a_compressed_stream_may_lack_the_end_marker():
    assert read(header(), block(b"12345"), is_sealed=True) == [("a", FILE, b"12345", "")]


def test_names_that_are_not_utf8_are_preserved():
    assert read(header(b"a\xff", size=b"0"), END)[0][0].encode("utf-8", "surrogateescape") == b"a\xff"


def test_the_standard_library_agrees_on_global_headers():
    packed = io.BytesIO()
    with tarfile.open(
        fileobj=packed, mode="w", format=tarfile.PAX_FORMAT, pax_headers={"comment": "x" * 600}
    ) as tar_file:
        tar_file.addfile(tarfile.TarInfo("é" * 80))
    assert read(packed.getvalue())[0][0] == "é" * 80


@pytest.mark.parametrize(
    ("field", "size"),
    [(b"5\0", 5), (b"    5 ", 5), (b"5 \0 \0", 5), (b"5\0garbage", 5), (b"\0005", 0), (b"", 0), (b"   ", 0)],
)
def test_a_number_ends_at_a_blank_or_nul(field, size):
    [(_, _, content, _)] = read(header(size=field), *([block(b"12345")] if size else []), END)
    assert content == b"12345"[:size]


def test_the_checksum_of_bytes_above_ascii_is_verified():
    data = header(name=b"\xff" * 100, size=b"0\0", prefix=b"\xff" * 155)
    assert read(data, END)[0][0] == "\udcff" * 155 + "/" + "\udcff" * 100
    for at in (0, 255, 256, 511):
        with pytest.raises(BadArchive, match="corrupt header"):
            read(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :], END)
