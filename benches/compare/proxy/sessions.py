"""Opens real sessions: a signed Response of its own for each, posted to the ACS of a peer."""

import socket
import ssl
import threading
import urllib.parse

import peers

messages = peers.messages


def open_sessions(idp, peer, number):
    """The `Cookie` header of each."""
    forms = peers.OUT / f"{peer.name}.forms"
    messages.write(forms, idp, peer.sp, peer.acs, "assertion", number)
    bodies = forms.read_text().splitlines()[:number]
    forms.unlink()
    # Logins that come together share what the store writes.
    workers = min(number, 32)
    cookies, failures = [], []

    def work(share):
        try:
            cookies.extend(post_all(peer.acs, share))
        except Exception as error:  # noqa: BLE001 - shown below
            failures.append(error)

    threads = [threading.Thread(target=work, args=(bodies[place::workers],))
               for place in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures or len(cookies) != number:
        raise SystemExit(f"{peer.name}: {len(cookies)} of {number} sessions: {failures[:1]}")
    return cookies


def post_all(acs, bodies):
    """The cookies of each answer. By hand: `http.client` would take longer than the gateway does."""
    url = urllib.parse.urlsplit(acs)
    stream = connect(url)
    for body in bodies:
        request = (
            f"POST {url.path} HTTP/1.1\r\nHost: {url.netloc}\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\n"
            # mod_auth_mellon takes an answer only from a browser that has its cookie.
            "Cookie: mellon-cookie=cookietest\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()
        try:
            status, headers = exchange(stream, request)
        except OSError:
            # Apache closes a connection now and then, before anything was read.
            stream = connect(url)
            status, headers = exchange(stream, request)
        pairs = [value.split(";")[0] for name, value in headers if name == "set-cookie"]
        pairs = [pair for pair in pairs if not pair.endswith("=")]
        if status not in (302, 303) or not pairs:
            raise RuntimeError(f"{status} {dict(headers).get('location')}")
        yield "; ".join(pairs)


def exchange(stream, request):
    """Status and headers of an answer; its body is read and forgotten."""
    stream.write(request)
    stream.flush()
    status = stream.readline()
    headers = []
    while line := stream.readline().strip():
        name, _, value = line.decode("latin-1").partition(":")
        headers.append((name.lower(), value.strip()))
    length = int(dict(headers).get("content-length", 0)) if status else 0
    if not status or len(stream.read(length)) != length:
        raise ConnectionError("it ended in the middle of an answer")
    return int(status.split()[1]), headers


def connect(url):
    plain = socket.create_connection((url.hostname, url.port), timeout=30)
    if url.scheme == "https":
        context = ssl._create_unverified_context()  # noqa: S323 - our own certificate, on loopback
        plain = context.wrap_socket(plain, server_hostname=url.hostname)
    return plain.makefile("rwb")
