"""For each line `both 100` on stdin: pysaml2 reads so many messages of that name, and says so."""
import logging
import os
import sys

from saml2 import BINDING_HTTP_POST
from saml2.client import Saml2Client
from saml2.config import SPConfig

logging.disable(logging.CRITICAL)
directory = sys.argv[1]
REQUEST = "_b3a1f0c7d2e94856a0b1c2d3e4f50617"
config = SPConfig().load({
    "entityid": "https://sp.example.com/saml/metadata",
    "xmlsec_binary": "/usr/bin/xmlsec1",
    "metadata": {"local": [os.path.join(directory, "idp.xml")]},
    "accepted_time_diff": 180,
    "allow_unknown_attributes": True,
    "service": {"sp": {
        "endpoints": {"assertion_consumer_service": [("https://sp.example.com/saml/acs", BINDING_HTTP_POST)]},
        "want_response_signed": False,
        "want_assertions_signed": True,
        "allow_unsolicited": False,
    }},
})
client = Saml2Client(config)

for line in sys.stdin:
    name, count = line.split()
    values = [open(f"{directory}/{name}-{n:02}.b64").read() for n in range(16)]
    for turn in range(int(count)):
        response = client.parse_authn_request_response(
            values[turn % 16], BINDING_HTTP_POST, {REQUEST: "/"})
        # Names that it knows are merged; there are at least nine.
        assert response is not None and len(response.ava) >= 9, response and response.ava
    print("done", flush=True)
