"""A SAML identity provider on loopback: `python -m idp_fixtures.saml_idp --port 8900`.

Prints one line of JSON once it is ready and serves until it is stopped.
"""

import argparse
from pathlib import Path

from idp_fixtures.loopback import described, stay
from idp_fixtures.saml_idp.provider import okta
from idp_fixtures.saml_idp.server import serving


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m idp_fixtures.saml_idp", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--entity-id")
    parser.add_argument("--service", type=Path, action="append", default=[], metavar="METADATA")
    parser.add_argument("--user", action="append", default=[], metavar="EMAIL[:GROUP,…]")
    asked = parser.parse_args()
    with serving(asked.port, entity_id=asked.entity_id) as site:
        for path in asked.service:
            site.register(path.read_bytes())
        for user in asked.user:
            email, name, groups = described(user)
            site.add(okta(email, email, name, groups))
        provider = site.provider
        ready = {
            "url": provider.base_url,
            "entity_id": provider.entity_id,
            "metadata_url": f"{provider.base_url}/metadata",
            "sso_url": provider.sso_url,
            "slo_url": provider.slo_url,
        }
        stay(ready)


if __name__ == "__main__":
    main()
