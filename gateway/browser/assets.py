"""Style sheets and scripts of the pages, served from the package."""

from importlib import resources

from flask import Blueprint, Response, abort

TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"}
FILES = {
    each.name: each.read_bytes()
    for each in resources.files("gateway.browser").joinpath("static").iterdir()
    if each.name.rpartition(".")[2] in TYPES
}


def blueprint() -> Blueprint:
    """Return the blueprint that serves them."""
    assets = Blueprint("assets", __name__, url_prefix="/static")

    @assets.get("/<name>")
    def asset(name: str) -> Response:
        """Return a file of the package, which changes with the release alone."""
        if name not in FILES:
            abort(404)
        response = Response(FILES[name], content_type=TYPES[name.rpartition(".")[2]])
        response.headers["Cache-Control"] = "public, max-age=3600"
        return response

    return assets
