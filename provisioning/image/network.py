"""The network of one device, as the installer says it, and as NetworkManager and netplan write it."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import re
from dataclasses import dataclass
from typing import Final
from uuid import NAMESPACE_DNS, uuid5

from provisioning.image.errors import RefusedError
from provisioning.texts import N_

SSID_BYTES_MAX: Final = 32
_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_HOST: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:-]{0,252}")
_PMK: Final = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True)
class Network:
    """Wire and radio. ``address`` with its prefix (``10.0.0.21/24``), empty for DHCP; ``ssid`` as the octets on the air,
    empty without Wi-Fi; ``pmk``: the key of the Wi-Fi, 64 hex digits, empty for an open one."""

    address: str = ""
    gateway: str = ""
    dns: tuple[str, ...] = ()
    ssid: bytes = b""
    pmk: str = ""
    country: str = ""
    time_servers: tuple[str, ...] = ()


def pmk_of(passphrase: str, ssid: bytes) -> str:
    """The pairwise master key of WPA2 (IEEE 802.11i, annex H.4: PBKDF2-HMAC-SHA1, 4,096 rounds), or the 64 digits given.

    :raises RefusedError: a passphrase has 8 to 63 ASCII characters.
    """
    passphrase = passphrase.strip("\r\n")
    if _PMK.fullmatch(passphrase):
        return passphrase.lower()
    if not 8 <= len(passphrase) <= 63 or not all(" " <= c <= "~" for c in passphrase):
        raise RefusedError(N_("A Wi-Fi passphrase has 8 to 63 letters, digits and signs of the keyboard."))
    return hashlib.pbkdf2_hmac("sha1", passphrase.encode("ascii"), ssid, 4_096, 32).hex()


def check(network: Network) -> None:
    """
    :raises RefusedError: an address, a server or a country that cannot be.
    """
    if network.address:
        try:
            own = ipaddress.ip_interface(network.address)
        except ValueError:
            raise _wrong_address(network.address) from None
        net = own.network
        if "/" not in network.address or (
            net.num_addresses > 2 and own.ip in (net.network_address, net.broadcast_address)
        ):
            raise _wrong_address(network.address)
        if network.gateway and (
            not _is_address(network.gateway) or ipaddress.ip_address(network.gateway) not in net
        ):
            raise _wrong("gateway", network.gateway)
    elif network.gateway or network.dns:
        raise RefusedError(N_("A gateway or name server needs a fixed address of the device (--address)."))
    for server in network.dns:
        if not _is_address(server):
            raise _wrong("dns", server)
    for server in network.time_servers:
        if not _HOST.fullmatch(server):
            raise _wrong("time-server", server)
    if network.country and not _COUNTRY.fullmatch(network.country):
        raise _wrong("country", network.country)
    if network.ssid and not network.country:
        raise RefusedError(N_("Wi-Fi needs the country (--country CN): the radio stays off without it."))
    if len(network.ssid) > SSID_BYTES_MAX:
        raise _wrong("wifi-ssid", network.ssid.hex())


def _wrong(key: str, value: str) -> RefusedError:
    return RefusedError(N_("--%(key)s: %(value)s cannot be right."), key=key, value=value)


def _wrong_address(value: str) -> RefusedError:
    return RefusedError(
        N_(
            "--address: %(value)s cannot be right: the address of the device with its prefix, such as 10.0.0.21/24."
        ),
        value=value,
    )


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _ip_lines(network: Network) -> tuple[list[str], list[str]]:
    """[ipv4] and [ipv6] of a profile."""
    if not network.address:
        return ["method=auto"], ["method=auto"]
    is_four = ipaddress.ip_interface(network.address).version == 4
    fixed = [
        "method=manual",
        f"address1={network.address}" + (f",{network.gateway}" if network.gateway else ""),
    ]
    dns = [server for server in network.dns if (ipaddress.ip_address(server).version == 4) == is_four]
    if dns:
        fixed.append("dns=" + ";".join(dns) + ";")
    return (fixed, ["method=auto"]) if is_four else (["method=disabled"], fixed)


def profiles(network: Network) -> dict[str, str]:
    """NetworkManager's keyfiles, by file name (nm-settings-keyfile(5)). A fixed address is the wire's, or the radio's
    when there is Wi-Fi."""
    automatic = Network()
    found = {
        "onecard-wire.nmconnection": _profile(
            "onecard-wire", "ethernet", [], automatic if network.ssid else network
        )
    }
    if network.ssid:
        radio = ["", "[wifi]", "mode=infrastructure", "ssid=" + "".join(f"{byte};" for byte in network.ssid)]
        if network.pmk:
            radio += ["", "[wifi-security]", "key-mgmt=wpa-psk", f"psk={network.pmk}"]
        found["onecard-wifi.nmconnection"] = _profile("onecard-wifi", "wifi", radio, network)
    return found


def _profile(name: str, kind: str, middle: list[str], network: Network) -> str:
    four, six = _ip_lines(network)
    lines = [
        "[connection]",
        f"id={name}",
        f"uuid={uuid5(NAMESPACE_DNS, name + '.onecard.invalid')}",
        f"type={kind}",
        "autoconnect-priority=10",
    ]
    return "\n".join([*lines, *middle, "", "[ipv4]", *four, "", "[ipv6]", *six]) + "\n"


def netplan(network: Network) -> str:
    """``network-config`` of cloud-init, version 2, written as JSON, which is YAML.

    :raises RefusedError: the name of the Wi-Fi is no text, which this format cannot say.
    """
    addressing: dict[str, object] = {"dhcp4": True}
    if network.address:
        addressing = {"dhcp4": False, "addresses": [network.address]}
        if network.gateway:
            addressing["routes"] = [{"to": "default", "via": network.gateway}]
        if network.dns:
            addressing["nameservers"] = {"addresses": list(network.dns)}
    wire = {"dhcp4": True} if network.ssid else addressing
    plan: dict[str, object] = {
        "version": 2,
        "renderer": "NetworkManager",
        "ethernets": {"eth0": {**wire, "optional": True}},
    }
    if network.ssid:
        try:
            ssid = network.ssid.decode("utf-8")
        except UnicodeDecodeError as error:
            raise RefusedError(N_("With cloud-init the name of the Wi-Fi must be UTF-8 text.")) from error
        point = {"password": network.pmk} if network.pmk else {}
        plan["wifis"] = {
            "wlan0": {
                **addressing,
                "optional": True,
                "regulatory-domain": network.country,
                "access-points": {ssid: point},
            }
        }
    return json.dumps({"network": plan}, indent=1, ensure_ascii=False) + "\n"
