"""The blueprint of the sign-in pages, below /login, and of invitations."""

from flask import Blueprint

from gateway.browser.cookies import Cookies
from gateway.browser.endings import LINK_PAGE
from gateway.console.desk import Desk
from gateway.console.entering import Entering
from gateway.console.invitation import InvitationPages
from gateway.console.leaving import Leaving
from gateway.console.linking import Linking
from gateway.console.mailed import Mailed
from gateway.console.passkey import PasskeyPages
from gateway.settings import Settings
from gateway.storage.unit_of_work import Work

INVITATION = "/invitations/<string(length=43):link>"


def blueprint(work: Work, settings: Settings) -> Blueprint:
    """Return the blueprint that serves the pages."""
    desk = Desk(work, settings, Cookies.of(settings))
    console = Blueprint("console", __name__)
    entering, mailed = Entering(desk), Mailed(desk)
    invitation = InvitationPages(desk)
    passkey, linking, leaving = PasskeyPages(desk), Linking(desk), Leaving(desk)
    for rule, method, view in (
        ("/", "GET", leaving.home),
        ("/login", "GET", entering.ask),
        ("/login", "POST", entering.find_home),
        ("/login/password", "GET", entering.ask_own),
        ("/login/password", "POST", entering.password),
        ("/login/code", "GET", entering.ask_code),
        ("/login/code", "POST", entering.code),
        ("/login/passkey/options", "POST", passkey.options),
        ("/login/passkey", "POST", passkey.sign_in),
        ("/login/forgot", "GET", mailed.ask),
        ("/login/forgot", "POST", mailed.send),
        ("/login/set-password", "GET", mailed.ask_password),
        ("/login/set-password", "POST", mailed.set_password),
        ("/login/sign-up", "GET", mailed.ask_account),
        ("/login/sign-up", "POST", mailed.sign_up),
        (LINK_PAGE, "GET", linking.ask),
        (LINK_PAGE, "POST", linking.accept),
        ("/logout", "POST", leaving.sign_out),
        ("/logout", "GET", leaving.ask),
        (INVITATION, "GET", invitation.see),
        (f"{INVITATION}/accept", "POST", invitation.accept),
        (f"{INVITATION}/decline", "POST", invitation.decline),
        (f"{INVITATION}/mail-newest", "POST", invitation.mail_newest),
        (f"{INVITATION}/account", "GET", invitation.ask_account),
        (f"{INVITATION}/account", "POST", invitation.create_account),
    ):
        name = f"{method.lower()}{rule.replace(INVITATION, '/invitation')}"
        name = name.replace("/", "_").replace("-", "_")
        console.add_url_rule(rule, endpoint=name, view_func=desk.guarded(view), methods=[method])
    return console
