"""``onecard-central``: serve, and what is done on the host beside it. Texts are in the language of the shell (LANG)."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import peewee

from central import backup
from central.app import build_centre
from central.audit import COMMAND, verify
from central.centre import Centre
from central.clock import SystemClock
from central.config import Config, load_config
from central.errors import CentralError
from central.faces.archive import check_archive
from central.keys import service as key_acts
from central.parts import collect
from central.reports import certifying
from central.restore import restore
from central.run import serve
from central.security import first_run, host_acts
from central.sites.scope import HEAD_OFFICE
from central.web.catalogue import DEFAULT_LANGUAGE, Language
from central.web.i18n import _, parse_language, use

T = TypeVar("T")
EXIT_REFUSED: Final = 2


def main(arguments: list[str] | None = None) -> int:
    """The command; returns the exit code. What the operator did wrong ends with one sentence and code 2."""
    use(shell_language(os.environ))
    os.umask(0o077)
    chosen = _parser().parse_args(arguments)
    try:
        config = _config(chosen)
        done: int = chosen.run(config, chosen)
        return done
    except CentralError as error:
        print(f"onecard-central: {error}", file=sys.stderr)
    except (OSError, peewee.PeeweeException) as error:
        print(f"onecard-central: {error}", file=sys.stderr)
    return EXIT_REFUSED


def shell_language(environment: Any) -> Language:
    """The language of LC_ALL, LC_MESSAGES or LANG; Chinese when they say nothing of ours."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        tag = environment.get(name, "").partition(".")[0].replace("_", "-")
        if tag.startswith("zh"):
            hant = any(part in tag for part in ("TW", "HK", "MO", "Hant"))
            return Language.ZH_HANT if hant else Language.ZH_HANS
        if tag.startswith("en"):
            return Language.EN
    return parse_language(None) or DEFAULT_LANGUAGE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="onecard-central", description=_("The centre of the one-card system")
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help=_("folder of database and keys")
    )
    common.add_argument(
        "--config", type=Path, metavar="FILE", help=_("default: centre.toml in the data folder")
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[Config, Any], int], text: str, parents: Any = commands) -> Any:
        made = parents.add_parser(name, parents=[common], help=text, description=text)
        made.set_defaults(run=run)
        return made

    made = command("serve", _serve, _("run the centre"))
    made.add_argument("--listen", metavar="HOST:PORT", help=_("for browsers"))
    made.add_argument("--node-listen", metavar="HOST:PORT", help=_("for devices"))
    command("setup-link", _setup_link, _("print a new one-time link for the first set-up"))
    operator = commands.add_parser("operator", help=_("operators")).add_subparsers(
        required=True, metavar="ACT"
    )
    for name, run, text in (
        (
            "reset-password",
            _reset_password,
            _("print a one-time link by which the operator chooses a new password"),
        ),
        ("login-link", _login_link, _("print a one-time link that signs the operator in")),
    ):
        command(name, run, text, operator).add_argument("number", metavar="NUMBER")
    command("rebuild", _rebuild, _("make again everything that is derived from received records"))
    command("audit-verify", _audit_verify, _("check the whole audit trail"))
    made = command("check-certificate", _check_certificate, _("check the certificate of a lost card"))
    made.add_argument("text", metavar="TEXT", help=_("what the QR code says"))
    keys = commands.add_parser("keys", help=_("card keys")).add_subparsers(required=True, metavar="ACT")
    command("bring-back", _bring_back_keys, _("put the master key back from its printed code"), keys)
    made = command("check-face-archive", _check_face_archive, _("check an archive copy of card faces"))
    made.add_argument("file", type=Path, metavar="FILE")
    made = command("backup", _backup, _("write database and keys into one file, and read it back"))
    made.add_argument("file", type=Path, metavar="FILE")
    made.add_argument(
        "--plain", action="store_true", help=_("without a passphrase: the file holds every key")
    )
    made = command("restore", _restore, _("put a backup into an empty data folder"))
    made.add_argument("file", type=Path, metavar="FILE")
    return parser


def _config(chosen: Any) -> Config:
    overrides: dict[str, dict[str, Any]] = {}
    if getattr(chosen, "listen", None):
        overrides["browsers"] = {"listen": chosen.listen}
    if getattr(chosen, "node_listen", None):
        overrides["nodes"] = {"listen": chosen.node_listen}
    return load_config(chosen.data, chosen.config, **overrides)


def _serve(config: Config, chosen: Any) -> int:
    return serve(config, lambda line: print(line, flush=True))


def _with_centre(config: Config, act: Callable[[Centre], T]) -> T:
    """Run something in this thread on the data folder's database, beside a running server or without one."""
    centre = build_centre(config, SystemClock())
    try:
        centre.db.call_upgrade()
        return act(centre)
    finally:
        centre.hasher.close()
        centre.db.call_close()


def _setup_link(config: Config, chosen: Any) -> int:
    def make(centre: Centre) -> str:
        now, valid_s = centre.clock.now(), config.security.link_valid_s
        return centre.db.call_write(first_run.make_setup_link, now, valid_s)

    print(host_acts.addresses(config, _with_centre(config, make)))
    return 0


def _reset_password(config: Config, chosen: Any) -> int:
    path = _with_centre(config, lambda c: c.db.call_write(host_acts.reset_password, c, chosen.number))
    print(
        _("Operator %(number)s chooses a new password at this address (it works once):", number=chosen.number)
    )
    print(host_acts.addresses(config, path))
    return 0


def _login_link(config: Config, chosen: Any) -> int:
    path = _with_centre(config, lambda c: c.db.call_write(host_acts.login_link, c, chosen.number))
    print(host_acts.addresses(config, path))
    return 0


def _rebuild(config: Config, chosen: Any) -> int:
    parts = collect()

    def act(centre: Centre) -> int:
        for projection in parts.projections:
            count = centre.db.call_write(projection.rebuild, centre)
            print(_("%(name)s: %(count)s records", name=projection.name, count=count))
        after = {"projections": [projection.name for projection in parts.projections]}
        centre.db.call_write(centre.audit.record, COMMAND, "system.rebuild", "system", "", after=after)
        return 0

    return _with_centre(config, act)


def _audit_verify(config: Config, chosen: Any) -> int:
    count = _with_centre(config, lambda centre: centre.db.call_read(verify))
    print(_("%(count)s rows, the chain is whole.", count=count))
    return 0


def _check_certificate(config: Config, chosen: Any) -> int:
    def look(centre: Centre) -> certifying.Checked:
        public = centre.keys.signing.public_key()
        return centre.db.call_read(certifying.check, public, chosen.text, HEAD_OFFICE)

    checked = _with_centre(config, look)
    statement = checked.statement
    print(
        _(
            "Genuine: certificate %(number)s, card %(card)s, %(n)s of %(m)s doors at %(at)s.",
            number=statement.number,
            card=statement.card_no,
            n=statement.acknowledged,
            m=statement.doors,
            at=statement.issued_at.isoformat(),
        )
    )
    if checked.record is None:
        print(_("The whole record is not in this database."))
    return 0


def _bring_back_keys(config: Config, chosen: Any) -> int:
    code = input(_("Printed code: ") if sys.stdin.isatty() else "")
    _with_centre(config, lambda centre: centre.db.call_write(key_acts.bring_back, centre, COMMAND, code))
    print(_("The master key is back."))
    return 0


def _check_face_archive(config: Config, chosen: Any) -> int:
    count = _with_centre(config, lambda centre: check_archive(chosen.file, centre.keys.signing.public_key()))
    print(_("Genuine and whole: %(count)s files.", count=count))
    return 0


def _backup(config: Config, chosen: Any) -> int:
    passphrase = None if chosen.plain else backup.read_passphrase(os.environ, getpass.getpass, again=True)

    def act(centre: Centre) -> int:
        made = backup.write_backup(centre, chosen.file, passphrase, collect().backup_marks)
        centre.db.call_write(backup.record_backup, centre, made, COMMAND)
        print(
            _(
                "%(file)s: %(count)s bytes, read back and found whole.",
                file=chosen.file,
                count=made.bytes_count,
            )
        )
        return 0

    return _with_centre(config, act)


def _restore(config: Config, chosen: Any) -> int:
    passphrase = None
    if backup.is_encrypted(chosen.file):
        passphrase = backup.read_passphrase(os.environ, getpass.getpass, again=False)
    begun_at = restore(config, chosen.file, passphrase, SystemClock(), collect().after_restore)
    print(
        _(
            "Restored as it was at %(at)s. Devices send what came later by themselves.",
            at=begun_at.isoformat(),
        )
    )
    return 0
