"""What every test of the centre may ask for.

- ``database_url``: the URL of a database with nothing but its tables; a test with it runs twice, on SQLite and on
  PostgreSQL (left out where no server is installed, unless ONECARD_FULL=1).
- ``database``: an open ``central.db.Database`` on it.
- ``postgres_url``: the same on PostgreSQL, for tests that are about PostgreSQL; ``empty_postgres_url``: without tables.
- ``running_centre``: a whole centre over real sockets (:class:`tests.support.centre.RunningCentre`): set up with operator
  "0001", one organisation (id 1) and one estate (id 1), its clock standing still.
  ``browser = await running_centre.as_role("guard", site=1)`` is a browser signed in as a new operator of that role;
  ``await browser.get("/people")``, ``await browser.post("/people/new", {...})`` (token and headers filled in);
  ``running_centre.clock.advance(minutes=5)`` moves the time; ``await running_centre.write(fn, ...)`` reaches the tables.
- ``centre_client``: the same, signed in as administrator: the browser alone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from central.db import Database
from tests.support.centre import Browser, RunningCentre, run_centre
from tests.support.postgres import Cluster, cluster
from tests.support.ready import lay_sqlite


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[Cluster]:
    with cluster() as running:
        yield running


@pytest.fixture
def postgres_url(postgres_cluster: Cluster) -> Iterator[str]:
    with postgres_cluster.ready_database() as url:
        yield url


@pytest.fixture
def empty_postgres_url(postgres_cluster: Cluster) -> Iterator[str]:
    url = postgres_cluster.new_database()
    yield url
    postgres_cluster.drop(url)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        lay_sqlite(tmp_path / "onecard.db")
        yield f"sqlite:///{tmp_path / 'onecard.db'}"
    else:
        yield request.getfixturevalue("postgres_url")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
async def running_centre(tmp_path: Path) -> AsyncIterator[RunningCentre]:
    async with run_centre(tmp_path / "centre") as running:
        yield running


@pytest.fixture
async def centre_client(running_centre: RunningCentre) -> Browser:
    return await running_centre.as_role("administrator")
