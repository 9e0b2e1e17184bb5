"""What a pod takes over from the machine that it runs on."""

import socket


def address() -> str:
    """The address from which this machine reaches others; nothing is sent to find out."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
    except OSError:
        return ""


def hosts() -> str:
    """The machine's /etc/hosts."""
    try:
        with open("/etc/hosts", encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return "127.0.0.1\tlocalhost\n"
