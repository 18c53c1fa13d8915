"""For each line `both 100` on stdin: python3-saml reads so many messages of that name, and says so."""
import sys

from onelogin.saml2.response import OneLogin_Saml2_Response
from onelogin.saml2.settings import OneLogin_Saml2_Settings

directory = sys.argv[1]
certificate = "".join(open(f"{directory}/idp.pem").read().splitlines()[1:-1])
settings = OneLogin_Saml2_Settings({
    "strict": True,
    "sp": {
        "entityId": "https://sp.example.com/saml/metadata",
        "assertionConsumerService": {"url": "https://sp.example.com/saml/acs"},
    },
    "idp": {
        "entityId": "https://idp.example.com/metadata",
        "singleSignOnService": {"url": "https://idp.example.com/sso"},
        "x509cert": certificate,
    },
    "security": {"wantAssertionsSigned": True, "rejectDeprecatedAlgorithm": True},
})
request = {"https": "on", "http_host": "sp.example.com", "script_name": "/saml/acs",
           "get_data": {}, "post_data": {}}

for line in sys.stdin:
    name, count = line.split()
    values = [open(f"{directory}/{name}-{n:02}.b64").read() for n in range(16)]
    for turn in range(int(count)):
        response = OneLogin_Saml2_Response(settings, values[turn % 16])
        valid = response.is_valid(request, "_b3a1f0c7d2e94856a0b1c2d3e4f50617")
        assert valid, response.get_error()
        assert len(response.get_attributes()) == 10
    print("done", flush=True)
