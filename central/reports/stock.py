"""Where the cards are (9): what was bought is in stock, in use, handed in, gone, or destroyed; the parts add up."""

from __future__ import annotations

from typing import Any, Final

import peewee

from central.cards.model import Card
from central.people.table import organisations_in, sites_in
from central.reports.common import classes_of
from central.sites.model import Site
from central.sites.scope import Scope
from central.stock.books import PARTS
from central.web.columns import NUMBER, Column
from central.web.fields import Choices
from central.web.filters import ChoiceFilter
from central.web.i18n import lazy
from central.web.tables import Table

_BOUGHT: Final = peewee.Value(1)


def _query(scope: Scope) -> Any:
    sums = [peewee.fn.SUM(expression).alias(name) for name, (_title, expression) in PARTS.items()]
    query = (
        Card.select(Site.id, Site.name.alias("site_name"), peewee.fn.COUNT(Card.id).alias("bought"), *sums)
        .join(Site)
        .group_by(Site.id, Site.name)
    )
    return scope.filter(query, Card)


STOCK: Final = Table(
    name="stock",
    title=lazy("Card stock report"),
    query=_query,
    key=Site.id,
    sort="site_name",
    columns=(
        Column("site_name", lazy("Estate"), sort=Site.name),
        Column("bought", lazy("Bought"), NUMBER, total=_BOUGHT),
        *(Column(name, title, NUMBER, total=expression) for name, (title, expression) in PARTS.items()),
    ),
    filters=(
        ChoiceFilter("site", lazy("Estate"), where=lambda value: Card.site == int(value)),
        ChoiceFilter(
            "organisation", lazy("Organisation"), where=lambda value: Card.organisation == int(value)
        ),
        ChoiceFilter("class", lazy("Card class"), where=lambda value: Card.card_class == int(value)),
    ),
    empty=lazy("No card is in the books yet."),
)


def choices(scope: Scope) -> dict[str, Choices]:
    """What the filters offer. Inside ``db.read``."""
    return {
        "site": {str(number): name for number, name in sites_in(scope)},
        "organisation": {str(number): name for number, name in organisations_in(scope)},
        "class": classes_of(scope),
    }
