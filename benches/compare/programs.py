"""What both comparisons need of the programs that they start: whether they listen, what they took."""

import os
import pathlib
import socket
import sys
import time
import urllib.error
import urllib.request

MELLON_METADATA = """<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="@SP@">
<SPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
<KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data>
<X509Certificate>@CERTIFICATE@</X509Certificate></X509Data></KeyInfo></KeyDescriptor>
<AssertionConsumerService index="0" isDefault="true" Location="@ACS@"
 Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"/>
</SPSSODescriptor></EntityDescriptor>
"""


def seconds(pid):
    """utime + stime of a process, its threads, its children, and those that have ended."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except FileNotFoundError:
        return 0.0
    ticks = sum(int(field) for field in fields[11:15])
    return ticks / os.sysconf("SC_CLK_TCK") + sum(seconds(child) for child in children(pid))


def children(pid):
    """Of every thread: a process may be forked by any of them."""
    found = []
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        found.extend(int(child) for child in task.read_text().split())
    return found


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def until_it_listens(port, processes, out):
    for _ in range(300):
        if any(process.poll() is not None for process in processes):
            sys.exit(f"it ended by itself: see {out}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.1)
    sys.exit(f"nothing listens on {port}: see {out}")


def until_ready(url):
    for _ in range(100):
        try:
            if urllib.request.urlopen(url, timeout=1).status == 200:
                return
        except (urllib.error.URLError, OSError):
            pass
        time.sleep(0.1)
    sys.exit(f"{url} is not ready")
