"""The plainest of all: what every other case is a variation of."""

from case import Case
from saml import ALICE, EMAIL, plain
from sign import Signature, signed


def cases():
    for where in ("assertion", "response", "both"):
        yield Case(
            path=f"valid/plain-{where}-signed",
            title=f"Nothing special, signed: {where}",
            row="VAL-00",
            signed=where,
            body=_fresh(where),
            expect="accept",
            name_id=ALICE,
            format=EMAIL,
            session_index="_session",
        )


def _fresh(where):
    root, assertion = plain()
    inner = [(assertion, Signature())] if where in ("assertion", "both") else []
    outer = [(root, Signature())] if where in ("response", "both") else []
    return signed(root, *inner, *outer)
