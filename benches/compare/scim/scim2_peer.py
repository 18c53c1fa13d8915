"""scim2-server's own program, behind cheroot: python scim2_peer.py PORT TOKEN"""

import sys

from cheroot import wsgi
from scim2_server.testserver import cli


class Served:
    """What wsgiref's make_server returns, as far as the program uses it."""

    def __init__(self, host, port, application, **_):
        def mounted(environ, start_response):
            """Below /scim, as the others are."""
            environ["SCRIPT_NAME"] = "/scim"
            environ["PATH_INFO"] = environ["PATH_INFO"].removeprefix("/scim")
            return application(environ, start_response)

        self.server = wsgi.Server((host, port), mounted, numthreads=4)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.stop()

    def serve_forever(self):
        self.server.start()


cli.make_server = Served
port, token = sys.argv[1:3]
sys.argv = ["scim2-server", "--port", port, "--bearer-token", token]
cli.main()
