"""Takes checked values out of a TOML table, collects what is wrong with them, and knows which keys nobody asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edge.errors import EdgeError
from edge.i18n import _


class ConfigError(EdgeError):
    """``node.toml`` cannot be used. ``problems`` are lines for the installer, in his language."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class TableReader:
    """See the module. ``where`` stands before every key in a message."""

    def __init__(self, values: Mapping[str, Any], where: str = "", problems: list[str] | None = None) -> None:
        self._values = values
        self._where = where
        self._asked: set[str] = set()
        self._inner: list[TableReader] = []
        self._problems: list[str] = [] if problems is None else problems

    def problem(self, text: str) -> None:
        """Something is wrong; go on looking."""
        self._problems.append(text)

    def raise_problems(self) -> None:
        """Refuse, with everything that was wrong.

        :raises ConfigError: when anything was.
        """
        if self._problems:
            raise ConfigError(self._problems)

    def warnings(self) -> list[str]:
        """A line for every key that nobody asked for."""
        unknown = sorted(self._values.keys() - self._asked)
        mine = [_("unknown key: %(key)s", key=self._where + key) for key in unknown]
        return mine + [text for inner in self._inner for text in inner.warnings()]

    def _get(self, key: str, kind: type, expected: str) -> Any:
        self._asked.add(key)
        value = self._values.get(key)
        if value is not None and (not isinstance(value, kind) or (kind is int and isinstance(value, bool))):
            self.problem(_("%(key)s: must be %(expected)s", key=self._where + key, expected=expected))
            return None
        return value

    def text(self, key: str, *, required: bool = False, longest: int = 100_000) -> str:
        """A text, empty when it is not there."""
        value: str = self._get(key, str, _("a text")) or ""
        if required and not value:
            self.problem(_("%(key)s is missing", key=self._where + key))
        if len(value.encode()) > longest:
            self.problem(_("%(key)s: longer than %(longest)s bytes", key=self._where + key, longest=longest))
        return value

    def texts(self, key: str, longest: int) -> tuple[str, ...]:
        """A list of at most ``longest`` texts."""
        found = self._get(key, list, _("a list of texts")) or []
        if not all(isinstance(value, str) for value in found) or len(found) > longest:
            self.problem(
                _("%(key)s: must be %(expected)s", key=self._where + key, expected=_("a list of texts"))
            )
            return ()
        return tuple(found)

    def number(self, key: str, default: int, lowest: int, highest: int) -> int:
        """A whole number within its range."""
        value = self._get(key, int, _("a whole number"))
        if value is None:
            return default
        if not lowest <= value <= highest:
            self.problem(
                _(
                    "%(key)s: must be from %(lowest)s to %(highest)s",
                    key=self._where + key,
                    lowest=lowest,
                    highest=highest,
                )
            )
        return int(value)

    def leave(self, key: str) -> None:
        """Somebody else reads this key; it is not unknown."""
        self._asked.add(key)

    def table(self, key: str) -> TableReader | None:
        """A table within this one, or None."""
        value = self._get(key, dict, _("a table"))
        return None if value is None else self._inside(value, f"{self._where}{key}.")

    def tables(self, key: str) -> list[TableReader]:
        """The tables of a list."""
        found = self._get(key, list, _("a list of tables")) or []
        if not all(isinstance(value, dict) for value in found):
            self.problem(
                _("%(key)s: must be %(expected)s", key=self._where + key, expected=_("a list of tables"))
            )
            return []
        return [
            self._inside(value, f"{self._where}{key}[{number}].") for number, value in enumerate(found, 1)
        ]

    def _inside(self, values: Mapping[str, Any], where: str) -> TableReader:
        inner = TableReader(values, where, self._problems)
        self._inner.append(inner)
        return inner
