"""An OpenID provider on loopback: `python -m idp_fixtures.openid_provider --port 8901`.

Prints one line of JSON once it is ready and serves until it is stopped.
"""

import argparse
import json
from pathlib import Path

from idp_fixtures.loopback import described, stay
from idp_fixtures.openid_provider.accounts import okta
from idp_fixtures.openid_provider.provider import WELL_KNOWN, client_of
from idp_fixtures.openid_provider.server import serving


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(
        prog="python -m idp_fixtures.openid_provider", description=__doc__
    )
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--client", type=Path, action="append", default=[], metavar="JSON")
    parser.add_argument("--user", action="append", default=[], metavar="EMAIL[:GROUP,…]")
    asked = parser.parse_args()
    with serving(asked.port) as server:
        for path in asked.client:
            server.register(client_of(json.loads(path.read_text())))
        for user in asked.user:
            email, name, groups = described(user)
            server.add(okta(email, email, name, groups))
        ready = {
            "url": server.url,
            "issuer": server.issuer,
            "discovery_url": f"{server.issuer}{WELL_KNOWN}",
        }
        stay(ready)


if __name__ == "__main__":
    main()
