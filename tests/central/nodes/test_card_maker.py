"""Making a card beside the pages: what is there to make it of, one at a time, and nothing left behind, whatever happens."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from central.errors import ConflictError, InvalidInputError
from central.nodes import card_maker
from central.nodes.card_maker import BASES_FOLDER, RELEASE_KEY, WORK_FOLDER
from central.web.catalogue import Language


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The data folder of a centre with a base image and two releases, but no key of theirs."""
    folder = tmp_path / BASES_FOLDER
    folder.mkdir()
    for name in ("pi-os.img.xz", "notes.txt", "onecard-0.1.0.tar.gz", "onecard-0.2.0.tar.gz"):
        (folder / name).write_bytes(b"nothing of the kind")
    return tmp_path


async def make(data: Path, base: str = "pi-os.img.xz", release: str = "") -> None:
    (await card_maker.make(data, base, release, "gate", 'name = "gate"', "", [], Language.EN)).close()


def test_releases_are_offered_only_beside_the_key_that_proves_them(data: Path, tmp_path: Path) -> None:
    """Planted break: ``releases`` not asking for the key."""
    assert card_maker.bases(data) == ["pi-os.img.xz"]
    assert card_maker.releases(data) == []
    (data / BASES_FOLDER / RELEASE_KEY).write_text("PEM")
    assert sorted(card_maker.releases(data)) == ["onecard-0.1.0.tar.gz", "onecard-0.2.0.tar.gz"]
    assert card_maker.bases(tmp_path / "empty") == card_maker.releases(tmp_path / "empty") == []


@pytest.mark.parametrize(
    ("base", "release"), [("../keys/secret.key", ""), ("notes.txt", ""), ("pi-os.img.xz", "../x.tar.gz")]
)
async def test_only_what_is_offered_is_opened(data: Path, base: str, release: str) -> None:
    with pytest.raises(InvalidInputError):
        await make(data, base, release)


async def test_a_refusal_is_told_in_the_operators_language_and_leaves_nothing(data: Path) -> None:
    """Planted break: ``run`` without ``LC_ALL``."""
    for language, says in ((Language.EN, "damaged or cut short"), (Language.ZH_HANS, "损坏")):
        with pytest.raises(InvalidInputError) as told:
            await card_maker.make(data, "pi-os.img.xz", "", "gate", _NODE_TOML, "", [], language)
        assert says in str(told.value), str(told.value)
    assert list((data / WORK_FOLDER).iterdir()) == []


async def test_one_card_is_made_at_a_time_and_an_operator_who_leaves_ends_it(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted break: ``make`` without its lock; ``run`` not killing what it started."""
    begun = asyncio.Event()
    started: list[asyncio.subprocess.Process] = []
    real = asyncio.create_subprocess_exec

    async def slow(*_command: str, **options: object) -> asyncio.subprocess.Process:
        process = await real("sleep", "600", **{key: options[key] for key in ("stdin", "stdout", "stderr")})  # type: ignore[arg-type]
        started.append(process)
        begun.set()
        return process

    monkeypatch.setattr(asyncio, "create_subprocess_exec", slow)
    first = asyncio.create_task(make(data))
    await begun.wait()
    with pytest.raises(ConflictError):
        await make(data)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    assert started[0].returncode is not None
    assert list((data / WORK_FOLDER).iterdir()) == []


def test_a_start_sweeps_what_a_killed_centre_left(data: Path) -> None:
    left = data / WORK_FOLDER / "tmp1" / "card.img.tmp"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"a ticket")
    card_maker.sweep(data)
    assert not (data / WORK_FOLDER).exists()
    assert card_maker.bases(data) == ["pi-os.img.xz"]


_NODE_TOML = f"""
name = "gate"
centre = ["https://10.0.0.5:8444"]
ca_pem = "PEM"
ticket = "T1.{"A" * 43}"
role = "door"
board = "pi-one-door"
"""
