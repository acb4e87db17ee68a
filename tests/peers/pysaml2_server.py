"""The smallest identity provider that pysaml2 makes; run by an interpreter that has it.

`python pysaml2_server.py settings.json`
"""

import json
import re
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT
from saml2.authn_context import PASSWORD
from saml2.config import IdPConfig
from saml2.metadata import entity_descriptor
from saml2.saml import NAME_FORMAT_URI, NAMEID_FORMAT_UNSPECIFIED, NameID
from saml2.server import Server

DIGEST = "http://www.w3.org/2001/04/xmlenc#sha256"
said = json.load(open(sys.argv[1]))  # noqa: SIM115
base = said["base"]
# What is published beside the key that signs.
more = {"additional_cert_files": said["also_published"]} if said["also_published"] else {}
own = {"entityid": f"{base}/metadata", "key_file": said["key"], "cert_file": said["certificate"]}
config = {
    **own,
    **more,
    "xmlsec_binary": said["xmlsec1"],
    "metadata": {"local": [said["service_metadata"]]},
    "service": {
        "idp": {
            "endpoints": {
                "single_sign_on_service": [
                    (f"{base}/sso", BINDING_HTTP_REDIRECT),
                    (f"{base}/sso", BINDING_HTTP_POST),
                ],
                "single_logout_service": [(f"{base}/slo", BINDING_HTTP_REDIRECT)],
            },
            "policy": {
                "default": {
                    "lifetime": {"minutes": 10},
                    "attribute_restrictions": None,
                    "name_form": NAME_FORMAT_URI,
                }
            },
        }
    },
}
idp = Server(config=IdPConfig().load(config))
name_id = NameID(format=NAMEID_FORMAT_UNSPECIFIED, text=said["user"]["id"])
sessions: list[str] = []


def sign_in(fields: dict[str, str], binding: str) -> Any:
    """Answer a request with whoever the settings name."""
    request = idp.parse_authn_request(fields["SAMLRequest"], binding)
    user = said["user"]
    identity = {
        "mail": [user["email"]],
        "displayName": [user["name"]],
        "isMemberOf": user["groups"],
    }
    response = idp.create_authn_response(
        identity,
        userid=user["id"],
        name_id=name_id,
        authn={"class_ref": PASSWORD, "authn_auth": base},
        sign_assertion=said["sign_assertion"],
        sign_response=said["sign_response"],
        encrypt_assertion=said["encrypt"],
        encrypted_advice_attributes=False,
        sign_alg=said["signing_algorithm"],
        digest_alg=DIGEST,
        **idp.response_args(request.message, [BINDING_HTTP_POST]),
    )
    sessions.extend(re.findall('SessionIndex="([^"]+)"', str(response))[:1])
    return idp.apply_binding(
        BINDING_HTTP_POST,
        str(response),
        said["acs_url"],
        fields.get("RelayState", ""),
        response=True,
    )


def leave(fields: dict[str, str]) -> Any:
    """Answer a service's logout request, or take its answer."""
    if "SAMLResponse" in fields:
        answer = idp.parse_logout_request_response(fields["SAMLResponse"], BINDING_HTTP_REDIRECT)
        return {"data": f"<h1>Signed out: {answer.status_ok()}</h1>", "status": 200}
    request = idp.parse_logout_request(
        fields["SAMLRequest"],
        BINDING_HTTP_REDIRECT,
        relay_state=fields.get("RelayState"),
        sigalg=fields.get("SigAlg"),
        signature=fields.get("Signature"),
    )
    response = idp.create_logout_response(request.message, [BINDING_HTTP_REDIRECT], sign=False)
    return idp.apply_binding(
        BINDING_HTTP_REDIRECT,
        str(response),
        said["logout_url"],
        fields.get("RelayState", ""),
        response=True,
        sign=True,
        sigalg=said["signing_algorithm"],
    )


def begin_leaving() -> Any:
    """End the session at the service from here."""
    _, request = idp.create_logout_request(
        said["logout_url"],
        said["service_entity_id"],
        name_id=name_id,
        session_indexes=sessions[-1:],
        sign=False,
    )
    return idp.apply_binding(
        BINDING_HTTP_REDIRECT,
        str(request),
        said["logout_url"],
        "",
        sign=True,
        sigalg=said["signing_algorithm"],
    )


class Conversation(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        fields = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/metadata":
            self.send({"data": str(entity_descriptor(idp.config)), "status": 200})
        elif parts.path == "/sso":
            self.send(sign_in(fields, BINDING_HTTP_REDIRECT))
        elif parts.path == "/slo":
            self.send(leave(fields))
        elif parts.path == "/leave":
            self.send(begin_leaving())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        fields = {name: values[0] for name, values in parse_qs(body).items()}
        self.send(sign_in(fields, BINDING_HTTP_POST))

    def send(self, args: Any) -> None:
        self.send_response(args.get("status", 200))
        for name, value in args.get("headers", []):
            self.send_header(name, value)
        self.end_headers()
        data = args.get("data") or ""
        self.wfile.write("".join(data).encode() if not isinstance(data, str) else data.encode())


HTTPServer(("127.0.0.1", said["port"]), Conversation).serve_forever()
