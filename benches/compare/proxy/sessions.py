"""Opens real sessions: a signed Response of its own for each, posted to the ACS of a peer."""

import http.client
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
    workers = 1 if number < 8 else 8
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
    url = urllib.parse.urlsplit(acs)
    connection = connect(url)
    for body in bodies:
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            # mod_auth_mellon takes an answer only from a browser that has its cookie.
            "Cookie": "mellon-cookie=cookietest",
        }
        try:
            connection.request("POST", url.path, body, headers)
            answer = connection.getresponse()
        except (http.client.HTTPException, OSError):
            # Apache closes a connection now and then, before anything was read.
            connection = connect(url)
            connection.request("POST", url.path, body, headers)
            answer = connection.getresponse()
        answer.read()
        pairs = [value.split(";")[0] for value in answer.headers.get_all("Set-Cookie", [])]
        pairs = [pair for pair in pairs if not pair.endswith("=")]
        if answer.status not in (302, 303) or not pairs:
            raise RuntimeError(f"{answer.status} {answer.getheader('Location')}")
        yield "; ".join(pairs)


def connect(url):
    if url.scheme == "http":
        return http.client.HTTPConnection(url.hostname, url.port, timeout=30)
    context = ssl._create_unverified_context()  # noqa: S323 - our own certificate, on loopback
    return http.client.HTTPSConnection(url.hostname, url.port, timeout=30, context=context)
