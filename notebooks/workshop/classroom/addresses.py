"""Where others find this computer: its addresses in the networks that it is in, and what may keep them out."""

import ipaddress
import re
import socket
import sys

NOWHERE = "192.0.2.1"  # an address for documentation: https://www.rfc-editor.org/rfc/rfc5737
# Networks that exist within this computer only: of containers, virtual machines and VPNs.
VIRTUAL = re.compile(r"docker|br-|veth|virbr|vbox|vmnet|vethernet|virtualbox|vmware|wsl|tun|tap|wg|tailscale|zt", re.I)


def find_addresses():
    """Return [(IPv4 address, name of its interface)] of the networks that this computer is in, the likeliest first."""
    import psutil  # here, since every check would have to wait for it

    up = {name for name, state in psutil.net_if_stats().items() if state.isup}
    found = [
        (each.address, name)
        for name, addresses in psutil.net_if_addrs().items()
        for each in addresses
        if each.family == socket.AF_INET and name in up and _is_in_a_network(each.address)
    ]
    outward = _find_outward_address()
    return sorted(found, key=lambda each: (each[0] != outward, is_virtual(each[1])))


def is_virtual(interface):
    """Return whether an interface, by its name, leads to no other computer in the room."""
    return VIRTUAL.search(interface) is not None


def names_of_this_computer():
    """Return the names by which others in the network may know this computer."""
    name = socket.gethostname().partition(".")[0].lower()
    return [name, f"{name}.local"] if re.fullmatch("[a-z0-9-]+", name) else []


def how_to_let_them_in(ports):
    """Return what to do, on this system, when nobody else reaches these ports."""
    if sys.platform == "win32":
        own = (
            "Windows asks once whether Python may be reached: allow it for private networks. Later, look under Windows "
            "Security → Firewall & network protection → Allow an app through firewall. Make the Wi-Fi a "
            "private network: Settings → Network & internet → its properties."
        )
    elif sys.platform == "darwin":
        own = (
            "macOS asks whether Python may accept connections: allow it. Later, look under System Settings → Network → "
            "Firewall → Options."
        )
    else:
        all_ports = ",".join(map(str, ports))
        options = " ".join(f"--add-port={port}/tcp" for port in ports)
        own = (
            f"If a firewall runs, open the class's ports until it is over: `sudo ufw allow {all_ports}/tcp`, then "
            f"`sudo ufw delete allow {all_ports}/tcp`, or `sudo firewall-cmd {options}` (until the next restart)."
        )
    return (
        f"{own} If it still doesn't work, the network may keep its devices apart, as guest networks often do. Use "
        "another one, such as a phone's hotspot, which everybody joins."
    )


def _is_in_a_network(address):
    address = ipaddress.ip_address(address)
    return not address.is_loopback and not address.is_link_local


def _find_outward_address():
    """Return the address from which this computer would talk to the world, or None. Nothing is sent for it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        try:
            asked.connect((NOWHERE, 9))
        except OSError:  # there is no network
            return None
        return asked.getsockname()[0]
