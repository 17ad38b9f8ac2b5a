"""Which devices of a roll-out begin, what their words mean, and what is kept of a release."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest

from central.access.model import AlarmState
from central.errors import ConflictError, InvalidInputError
from central.nodes.model import Device
from central.nodes.service import DeviceInput, create
from central.sync.offers import NOTHING
from central.updates import archive, service
from central.updates.model import Release, Rollout, RolloutDevice
from central.updates.rules import Member, State, is_over, may_begin
from protocol.enrolment import raw_public
from protocol.limits import RELEASE_PART_MAX
from protocol.messages import ReleaseOffer, ReleasePull
from protocol.updating import UpdateReason, UpdateState, UpdateWord
from tests.support.centre import RunningCentre, run_centre
from tests.support.releases import KEY, PROGRAM, pack, release

PUBLIC = raw_public(KEY)
BY = (None, "")


def member(
    number: int, state: State = State.WAITING, *, role: str = "door", place: str = "", first: bool = False
) -> Member:
    return Member(number, role, place or str(number), state, first)


@pytest.mark.parametrize(
    ("what", "members", "wanted"),
    [
        ("one of each kind begins", [member(1, first=True), member(2), member(3, role="patrol", first=True)], {1, 3}),
        ("the others wait for it", [member(1, State.ON_TRIAL, first=True), member(2)], set()),
        ("and follow", [member(1, State.DONE, first=True), member(2), member(3)], {2, 3}),
        ("not when it failed", [member(1, State.ROLLED_BACK, first=True), member(2)], set()),
        (
            "another kind does not wait for it",
            [member(1, State.DONE, first=True), member(2), member(3, role="patrol", first=True), member(4, role="patrol")],
            {2, 3},
        ),
        (
            "one at a time at a place",
            [member(1, State.DONE, first=True), member(2, place="gate"), member(3, place="gate"), member(4, place="hall")],
            {2, 4},
        ),
        (
            "a place is busy until its device is done",
            [member(1, State.DONE, first=True), member(2, State.ON_TRIAL, place="gate"), member(3, place="gate")],
            set(),
        ),
    ],
)  # fmt: skip
def test_who_begins(what: str, members: list[Member], wanted: set[int]) -> None:
    """Planted break: leave ``busy`` or ``untried`` out of ``may_begin``."""
    assert may_begin(members) == wanted, what


def test_when_it_is_over() -> None:
    assert is_over([member(1, State.DONE), member(2, State.REFUSED)])
    assert not is_over([member(1, State.DONE), member(2)])


@pytest.fixture
async def centre(tmp_path: Path, database_url: str) -> AsyncIterator[RunningCentre]:
    url = "" if database_url.startswith("sqlite") else database_url
    async with run_centre(tmp_path / "centre", database_url=url) as running:
        yield running


async def begun(centre: RunningCentre, folder: Path, content: bytes = b"") -> tuple[list[Device], bytes]:
    """Two doors at one place, and a roll-out of 0.2.0 in which the first one begins; the archive."""
    files = {**PROGRAM, "site/edge/data.bin": content}
    raw = release(folder / "r.tar.gz", "0.2.0", files).read_bytes()
    now = centre.clock.now()

    def write() -> list[Device]:
        devices = [
            create(DeviceInput(site=1, organisation=1, name=f"door-{n}", number=n, label=f"Door {n}"), now)
            for n in (1, 2)
        ]
        kept = service.keep_release(archive.check(raw, PUBLIC), raw, "r.tar.gz", BY, now)
        service.start(1, kept, devices, {devices[0].id}, BY, now)
        return devices

    return await centre.write(write), raw


async def heard(
    centre: RunningCentre, device: Device, word: UpdateWord, software: str = "0.1.0"
) -> ReleaseOffer:
    offers = service.Offers()
    return await centre.write(offers.heard, device.id, word, software, centre.clock.now())


async def states(centre: RunningCentre) -> list[tuple[str, str]]:
    return await centre.read(
        lambda: [(row.state, row.reason) for row in RolloutDevice.select().order_by(RolloutDevice.device)]
    )


async def state_of_rollout(centre: RunningCentre) -> str:
    return await centre.read(lambda: str(Rollout.get().state))


async def test_an_update_goes_from_the_first_device_to_the_other(
    centre: RunningCentre, tmp_path: Path
) -> None:
    """Seen when: the second device is offered nothing until the first keeps the version; the parts that a device asks for are
    the archive, from whatever offset; only who was offered it gets any."""
    (first, second), raw = await begun(centre, tmp_path, Random(7).randbytes(200_000))
    offer = await heard(centre, first, UpdateWord())
    assert (offer.version, offer.size) == ("0.2.0", len(raw))
    assert await heard(centre, second, UpdateWord()) == NOTHING
    parts = service.Offers()
    got = b""
    while part := await centre.read(parts.part, first.id, ReleasePull(offer.offer, len(got))):
        got += part.content
    assert got == raw
    middle = await centre.read(parts.part, first.id, ReleasePull(offer.offer, RELEASE_PART_MAX - 10))
    assert middle is not None
    assert middle.content == raw[RELEASE_PART_MAX - 10 : RELEASE_PART_MAX]
    assert await centre.read(parts.part, second.id, ReleasePull(offer.offer, 0)) is None
    await heard(centre, first, UpdateWord(offer.offer, "0.2.0", UpdateState.ON_TRIAL))
    assert await states(centre) == [("on_trial", ""), ("waiting", "")]
    assert await heard(centre, first, UpdateWord(offer.offer, "0.2.0", UpdateState.KEPT)) == NOTHING
    following = await heard(centre, second, UpdateWord())
    assert following.offer not in (0, offer.offer)
    await heard(centre, second, UpdateWord(), software="0.2.0")
    assert await states(centre) == [("done", ""), ("done", "")]
    assert await state_of_rollout(centre) == "done"


async def test_a_device_that_went_back_pauses_the_rest_and_raises_an_alarm(
    centre: RunningCentre, tmp_path: Path
) -> None:
    (first, second), _raw = await begun(centre, tmp_path)
    offer = await heard(centre, first, UpdateWord())
    back = UpdateWord(offer.offer, "0.2.0", UpdateState.ROLLED_BACK, 0, UpdateReason.NO_SYNC)
    assert await heard(centre, first, back) == NOTHING
    assert await states(centre) == [("rolled_back", "no_sync"), ("waiting", "")]
    assert await state_of_rollout(centre) == "paused"
    assert await centre.read(lambda: [row.kind for row in AlarmState.select()]) == ["update_failed"]
    assert await heard(centre, second, UpdateWord()) == NOTHING

    def again() -> None:
        rollout = Rollout.get()
        member = RolloutDevice.get(RolloutDevice.device == first.id)
        service.try_again(rollout, member.id, centre.clock.now())
        service.set_state(rollout, service.RUNNING, centre.clock.now())

    await centre.write(again)
    anew = await heard(centre, first, back)
    assert anew.offer > offer.offer, "the same number would be the same try"


async def test_a_pause_takes_the_offer_back_and_a_stop_is_for_good(
    centre: RunningCentre, tmp_path: Path
) -> None:
    (first, _second), _raw = await begun(centre, tmp_path)
    offer = await heard(centre, first, UpdateWord())
    loading = UpdateWord(offer.offer, "0.2.0", UpdateState.DOWNLOADING, 10)

    def to(state: str) -> None:
        service.set_state(Rollout.get(), state, centre.clock.now())

    await centre.write(to, service.PAUSED)
    assert await heard(centre, first, loading) == NOTHING
    assert await centre.read(service.Offers().part, first.id, ReleasePull(offer.offer, 0)) is None
    await heard(centre, first, UpdateWord())
    assert (await states(centre))[0] == ("waiting", "")
    await centre.write(to, service.RUNNING)
    assert await heard(centre, first, UpdateWord()) == offer
    await centre.write(to, service.STOPPED)
    assert await heard(centre, first, UpdateWord()) == NOTHING
    with pytest.raises(ConflictError):
        await centre.write(to, service.RUNNING)


async def test_one_update_at_a_time_in_an_estate(centre: RunningCentre, tmp_path: Path) -> None:
    devices, _raw = await begun(centre, tmp_path)

    def another() -> None:
        service.start(1, Release.get(), devices, {devices[0].id}, BY, centre.clock.now())

    with pytest.raises(ConflictError):
        await centre.write(another)

    def without_first() -> None:
        service.set_state(Rollout.get(), service.STOPPED, centre.clock.now())
        service.start(1, Release.get(), devices, set(), BY, centre.clock.now())

    with pytest.raises(InvalidInputError):
        await centre.write(without_first)


def test_a_file_that_is_not_as_it_was_signed_is_refused(tmp_path: Path) -> None:
    """Planted break: leave ``_check_files`` out."""
    good = release(tmp_path / "good.tar.gz").read_bytes()
    assert archive.check(good, PUBLIC).version == "0.2.0"
    with pytest.raises(InvalidInputError):
        archive.check(good, bytes(32))
    with pytest.raises(InvalidInputError):
        archive.check(good[:-200], PUBLIC)
    import io
    import tarfile

    with tarfile.open(fileobj=io.BytesIO(good)) as opened:
        members = {m.name: opened.extractfile(m).read() for m in opened}  # type: ignore[union-attr]
    members["site/edge/__main__.py"] += b"#"
    with pytest.raises(InvalidInputError):
        archive.check(pack(tmp_path / "bad.tar.gz", members).read_bytes(), PUBLIC)
    del members["site/edge/__main__.py"]
    with pytest.raises(InvalidInputError):
        archive.check(pack(tmp_path / "short.tar.gz", members).read_bytes(), PUBLIC)
