"""The FAT editor: whatever is written is read back, by itself and by programs of other authors, and nothing else changes."""

from __future__ import annotations

import io
import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioning.image.errors import FatError, ImageError
from provisioning.image.fat import FatVolume
from provisioning.image.partitions import boot_partition, read_table
from tests.support.disk_images import ESP, LINUX, START, disk, fat, gpt, mbr

SIZE = {16: 4 << 20, 32: 34 << 20}
SECTORS = {16: 1, 32: 1}
EMPTY = {bits: fat(SIZE[bits], bits=bits, per_cluster=SECTORS[bits]) for bits in SIZE}
NAMES = st.one_of(
    st.sampled_from(
        ["cmdline.txt", "CONFIG.TXT", "config.txt", "node.toml", "a very long name.toml", "一卡通.txt", "x"]
    ),
    st.text(
        st.characters(codec="utf-8", exclude_characters='"*/:<>?\\|\x7f', exclude_categories=["Cc", "Cs"]),
        min_size=1,
        max_size=40,
    ).filter(lambda name: name == name.strip(" ").rstrip(".") and len(name.upper()) == len(name)),
)
PATHS = st.one_of(NAMES, st.tuples(st.sampled_from(["onecard", "overlays"]), NAMES).map("/".join))
FILES = st.lists(st.tuples(PATHS, st.sampled_from([0, 1, 511, 512, 513, 5_000, 70_000])), max_size=25)


SMALL = {16: EMPTY[16], 32: fat(3 << 20)}
"""A FAT32 with fewer clusters than other programs want; the table decides what it is, as in Linux."""


def opened(bits: int, kind: dict[int, bytes] = SMALL) -> tuple[io.BytesIO, FatVolume]:
    file = io.BytesIO(kind[bits])
    return file, FatVolume(file, 0, len(kind[bits]))


def content_of(path: str, size: int, turn: int) -> bytes:
    return (f"{turn} {path} ".encode() * (size // 4 + 1))[:size]


def fold(path: str) -> str:
    return path.upper()


def write_all(volume: FatVolume, files: list[tuple[str, int]]) -> dict[str, bytes]:
    """Write in order; what should be there afterwards. Paths that meet a folder or file of that name are refused."""
    expected: dict[str, bytes] = {}
    for turn, (path, size) in enumerate(files):
        content = content_of(path, size, turn)
        try:
            volume.write(path, content)
        except FatError:
            folders = {fold(name).rpartition("/")[0] for name in expected} - {""}
            assert fold(path) in folders or fold(path).partition("/")[0] in expected, path
            continue
        expected[fold(path)] = content
    return expected


def assert_whole(image: bytes, tmp_path: Path) -> Path:
    """fsck.fat finds nothing to say."""
    place = tmp_path / "fat.img"
    place.write_bytes(image)
    checked = subprocess.run(
        ["fsck.fat", "-n", "-v", str(place)], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "differ" not in checked.stdout.replace("differences", ""), checked.stdout
    return place


@pytest.mark.parametrize("bits", [16, 32])
@settings(max_examples=100, deadline=None)
@given(files=FILES)
def test_what_is_written_is_read_back(bits: int, files: list[tuple[str, int]]) -> None:
    """Planted break: leave out the freeing of a replaced file's clusters."""
    file, volume = opened(bits)
    expected = write_all(volume, files)
    for again in (volume, FatVolume(io.BytesIO(file.getvalue()), 0, len(SMALL[bits]))):
        for path, content in expected.items():
            assert again.read(path) == content
    top = {entry.name for entry in volume.names() if not entry.is_folder}
    assert {fold(name) for name in top} == {path for path in expected if "/" not in path}
    used = sum(-(-len(content) // volume.cluster_bytes) for content in expected.values())
    folders = [entry for entry in volume.names() if entry.is_folder]
    grown = sum(len(volume._folder_clusters(entry.first)) for entry in folders)
    top_clusters = len(volume._folder_clusters(volume._top))
    assert volume.free_bytes == (volume.clusters - used - grown - top_clusters) * volume.cluster_bytes


@pytest.mark.fat_tools
@pytest.mark.parametrize("bits", [16, 32])
def test_other_programs_find_the_same(bits: int, tmp_path: Path) -> None:
    """Planted breaks: write one copy of the table only; leave the count of free clusters."""
    place = tmp_path / "fat.img"
    seen = 0

    @settings(max_examples=15, deadline=None)
    @given(files=FILES)
    def check(files: list[tuple[str, int]]) -> None:
        nonlocal seen
        file, volume = opened(bits, EMPTY)
        expected = write_all(volume, files)
        assert_whole(file.getvalue(), tmp_path)
        for path, content in list(expected.items())[:4]:
            if not path.isascii() or any(c in path for c in "[]{}`'~^$;&#!"):
                continue  # patterns to mtools
            read = subprocess.run(["mtype", "-i", str(place), f"::{path}"], capture_output=True, check=False)
            assert read.returncode == 0, (path, read.stderr)
            assert read.stdout == content
            seen += 1

    check()
    assert seen > 3


@pytest.mark.fat_tools
@pytest.mark.parametrize(("bits", "extra"), [(16, ["-s", "1"]), (32, ["-s", "1"])])
def test_files_that_other_programs_wrote(bits: int, extra: list[str], tmp_path: Path) -> None:
    """A file system made by mkfs.fat and filled by mtools: read, replaced, and whole afterwards."""
    place = tmp_path / "other.img"
    with place.open("wb") as file:
        file.truncate(SIZE[bits])
    subprocess.run(["mkfs.fat", "-F", str(bits), *extra, str(place)], check=True, capture_output=True)
    (tmp_path / "cmdline.txt").write_bytes(b"console=tty1 root=PARTUUID=1-02 rootwait\n")
    (tmp_path / "long name of a file.bin").write_bytes(os.urandom(40_000))
    os.environ.setdefault("MTOOLS_SKIP_CHECK", "1")
    for name in ("cmdline.txt", "long name of a file.bin"):
        subprocess.run(["mcopy", "-i", str(place), str(tmp_path / name), "::"], check=True)
    subprocess.run(["mmd", "-i", str(place), "::overlays"], check=True)
    with place.open("r+b") as file:
        volume = FatVolume(file, 0, SIZE[bits])
        assert {entry.name for entry in volume.names()} == {
            "cmdline.txt",
            "long name of a file.bin",
            "overlays",
        }
        kept = volume.read("long name of a file.bin")
        assert kept == (tmp_path / "long name of a file.bin").read_bytes()
        volume.write("cmdline.txt", b"y" * 3_000)
        volume.write("overlays/i2c-rtc.dtbo", b"z" * 3_000)
    assert_whole(place.read_bytes(), tmp_path)
    read = subprocess.run(
        ["mtype", "-i", str(place), "::cmdline.txt"], capture_output=True, check=True
    ).stdout
    assert read == b"y" * 3_000


@pytest.mark.parametrize("bits", [16, 32])
def test_a_full_card_is_refused_before_anything_changes(bits: int) -> None:
    file, volume = opened(bits)
    volume.write("keep.txt", b"kept")
    before = file.getvalue()
    with pytest.raises(FatError):
        volume.write("onecard/big.bin", bytes(volume.free_bytes))
    assert file.getvalue() == before
    volume.write("big.bin", bytes(volume.free_bytes - volume.cluster_bytes))
    assert volume.read("keep.txt") == b"kept"


def test_the_top_folder_of_a_fat16_does_not_grow() -> None:
    file = io.BytesIO(fat(SIZE[16], bits=16, root_entries=16))
    volume = FatVolume(file, 0, SIZE[16])
    for number in range(15):  # and the label
        volume.write(f"F{number}", b"")
    with pytest.raises(FatError):
        volume.write("F15", b"")
    assert len(volume.names()) == 15
    volume.write("F3", b"new")
    assert volume.read("F3") == b"new"


@pytest.mark.parametrize("name", ["/a", "a//b", "a/../b", "trailing ", "dot.", "a:b", "n" * 256, "new\nline"])
def test_names_that_cannot_be(name: str) -> None:
    _file, volume = opened(32)
    with pytest.raises(FatError):
        volume.write(f"onecard/{name}", b"x")


def test_a_chain_in_a_circle_is_found() -> None:
    file, volume = opened(32)
    volume.write("A", bytes(1_500))
    entry = volume.find("A")
    assert entry is not None
    volume._set(entry.first + 1, entry.first)
    with pytest.raises(FatError):
        volume.read("A")
    assert file.getvalue()


def filled(bits: int) -> bytes:
    file, volume = opened(bits)
    for number in range(12):
        volume.write(f"onecard/a file with a long name {number}.txt", b"x" * 700 * number)
        volume.write(f"F{number}", b"y" * number)
    return file.getvalue()


FILLED = {bits: filled(bits) for bits in SMALL}


@pytest.mark.parametrize("bits", [16, 32])
@settings(max_examples=200, deadline=None)
@given(flips=st.lists(st.tuples(st.integers(0, 120_000), st.integers(0, 255)), min_size=1, max_size=60))
def test_a_damaged_card_is_said_to_be_damaged(bits: int, flips: list[tuple[int, int]]) -> None:
    """Whatever bytes stand in boot sector, tables and folders: an answer or a FatError, and an end."""
    image = bytearray(FILLED[bits])
    for place, value in flips:
        image[place if place % 3 else place % 512] = value
    try:
        volume = FatVolume(io.BytesIO(bytes(image)), 0, len(image))
    except FatError:
        return
    for folder in ("", "onecard"):
        try:
            entries = volume.names(folder)
        except FatError:
            continue
        for entry in entries:
            try:
                volume.read(f"{folder}/{entry.name}")
            except FatError:
                continue
    try:
        volume.write("onecard/node.toml", b"z" * 2_000)
    except FatError:
        return
    assert volume.read("onecard/node.toml") == b"z" * 2_000


@pytest.mark.parametrize("planted", [b"", b"\0" * 512, os.urandom(4096)])
def test_no_file_system(planted: bytes) -> None:
    with pytest.raises(FatError):
        FatVolume(io.BytesIO(planted), 0, len(planted))


# -- partition tables -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", ["mbr", "gpt"])
def test_the_boot_partition_is_found(table: str, tmp_path: Path) -> None:
    image = disk(tmp_path / "base.img", {"cmdline.txt": b"root=x\n"}, table=table)
    with image.open("rb") as file:
        found = read_table(file, image.stat().st_size)
        part = boot_partition(found)
        assert (found.scheme, part.number, part.start, part.size) == (table, 1, START, 40 << 20)
        assert FatVolume(file, part.start, part.size).read("CMDLINE.TXT") == b"root=x\n"
        assert [p.number for p in found.partitions] == [1, 2]


@pytest.mark.parametrize(
    "image",
    [
        b"",
        bytes(4096),
        mbr([], 4096),
        mbr([(0x0C, 512, 1 << 20)], 4096),
        mbr([(0x0C, 512, 2048), (0x83, 1024, 1024)], 4096),
        gpt([(ESP, 1 << 20, 1 << 20)], 3 << 20)[: 1 << 20],
        gpt([(ESP, 1 << 20, 1 << 20)], 3 << 20).replace(b"EFI PART\0\0\1\0", b"EFI PART\0\0\2\0"),
    ],
)
def test_a_damaged_table_is_refused(image: bytes) -> None:
    with pytest.raises(ImageError):
        read_table(io.BytesIO(image), len(image))


def test_a_card_without_a_fat_partition_is_refused() -> None:
    for image in (mbr([(0x83, 1 << 20, 1 << 20)], 3 << 20), gpt([(LINUX, 1 << 20, 1 << 20)], 3 << 20)):
        with pytest.raises(ImageError):
            boot_partition(read_table(io.BytesIO(image), len(image)))
