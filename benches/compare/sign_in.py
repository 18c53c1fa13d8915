#!/usr/bin/env python3
"""Signs in like a browser without JavaScript, and prints `NAME=VALUE` of the session cookie.

    sign_in.py http://127.0.0.1:8080/ alice
"""

import sys
import urllib.request
from html.parser import HTMLParser
from http.cookiejar import CookieJar
from urllib.parse import urlencode, urljoin


class Forms(HTMLParser):
    def __init__(self):
        super().__init__()
        self.action, self.fields, self.asks_for = None, {}, None

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "form":
            self.action = attributes.get("action", "")
        elif tag == "input" and attributes.get("type") == "hidden":
            self.fields[attributes["name"]] = attributes.get("value", "")
        elif tag == "select" or (tag == "input" and "name" in attributes):
            self.asks_for = attributes["name"]


def main():
    start, user = sys.argv[1:3]
    jar = CookieJar()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    browser.addheaders = [
        ("Accept", "text/html"),
        ("Sec-Fetch-Mode", "navigate"),
        ("User-Agent", "samlgate-bench"),
    ]
    answer = browser.open(start)
    # The request by POST, the login page, the answer: three forms at most.
    for _ in range(3):
        forms = Forms()
        forms.feed(answer.read().decode())
        if forms.action is None:
            break
        if forms.asks_for:
            forms.fields[forms.asks_for] = user
        target = urljoin(answer.geturl(), forms.action)
        answer = browser.open(target, urlencode(forms.fields).encode())
    for cookie in jar:
        if cookie.name in ("samlgate", "__Host-samlgate"):
            print(f"{cookie.name}={cookie.value}")
            return
    sys.exit(f"not signed in; the last page is {answer.geturl()}")


if __name__ == "__main__":
    main()
