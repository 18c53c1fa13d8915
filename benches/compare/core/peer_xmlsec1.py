"""For each line `both 100` on stdin: starts `xmlsec1` for so many messages of that name.

It verifies the first signature that it finds, and nothing else: no second one, no claims.
"""
import subprocess
import sys

directory = sys.argv[1]

for line in sys.stdin:
    name, count = line.split()
    for turn in range(int(count)):
        subprocess.run(
            ["xmlsec1", "--verify", "--pubkey-cert-pem", f"{directory}/idp.pem",
             "--id-attr:ID", "urn:oasis:names:tc:SAML:2.0:protocol:Response",
             "--id-attr:ID", "urn:oasis:names:tc:SAML:2.0:assertion:Assertion",
             f"{directory}/{name}-{turn % 16:02}.xml"],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    print("done", flush=True)
