"""What the owner of the machine may do for operators: whoever can write the database needs no other right."""

from __future__ import annotations

from central.addresses import addresses_of
from central.audit import COMMAND
from central.centre import Centre
from central.config import Config, split_address
from central.errors import NotFoundError
from central.security import links
from central.security.model import Operator
from central.web.i18n import _


def reset_password(centre: Centre, number: str) -> str:
    """Path of a one-time link to choose a new password; inside ``db.write``. An old password counts until it is used.

    :raises NotFoundError: no operator has this number.
    """
    operator = _find(number)
    path = links.make_link(
        links.Purpose.PASSWORD, operator, centre.clock.now(), centre.config.security.link_valid_s
    )
    centre.audit.record(COMMAND, "operators.password_link", "operator", operator.id)
    return path


def login_link(centre: Centre, number: str) -> str:
    """Path of a one-time link that signs the operator in; inside ``db.write``.

    :raises NotFoundError: no operator has this number.
    """
    operator = _find(number)
    path = links.make_link(
        links.Purpose.LOGIN, operator, centre.clock.now(), centre.config.security.login_link_valid_s
    )
    centre.audit.record(COMMAND, "operators.login_link", "operator", operator.id)
    return path


def addresses(config: Config, path: str) -> str:
    """The whole addresses of a path, a line each: as this machine reaches it, then as others do."""
    listener = split_address("browsers.listen", config.browsers.listen)
    return "\n".join(url + path for url in addresses_of(config.browsers, *listener))


def _find(number: str) -> Operator:
    operator = Operator.get_or_none(Operator.number == number)
    if operator is None:
        raise NotFoundError(_("No operator has the number %(number)s.", number=number))
    if operator.disabled_at is not None:
        raise NotFoundError(_("Operator %(number)s is disabled.", number=number))
    return operator
