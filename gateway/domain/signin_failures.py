"""Every stable code with which a sign-in may fail, and what an admin should know about it."""

from collections.abc import Mapping

FAILURES: Mapping[str, str] = {
    # The sign-in as such.
    "attempt_unknown": "No sign-in was begun that this answers, or it took over ten minutes.",
    "attempt_used": "This sign-in was finished before.",
    "attempt_elsewhere": "The answer came to another browser, or through another connection.",
    "connection_inactive": "The connection is not active.",
    "connection_unapproved": (
        "Somebody of a lower role changed whom the connection trusts; one of equal role approves."
    ),
    "plan_feature": "The organisation's plan does not include single sign-on.",
    "replayed": "The same message was used before.",
    "unsolicited": "The identity provider began this sign-in, which the connection does not allow.",
    "provider_refused": "The identity provider answered with an error.",
    "provider_unreachable": "The identity provider could not be asked.",
    "malformed": "The message is not well formed, too large, or uses what is not allowed.",
    # Who signed it.
    "signature_missing": "Nothing that is signed covers what the provider says.",
    "signature_invalid": "The signature fits none of the connection's certificates or keys.",
    "algorithm_refused": "The message is signed or encrypted by an algorithm that is not allowed.",
    "encryption_refused": "The message is encrypted in a way that the connection does not take.",
    "decryption_failed": "The message could not be read with the connection's keys.",
    "key_unknown": "The provider does not publish the key that the message names.",
    # For whom, by whom, when.
    "issuer_mismatch": "The message comes from another issuer than the connection's.",
    "audience_mismatch": "The message is meant for somebody else.",
    "destination_mismatch": "The message was sent to another address.",
    "recipient_mismatch": "The assertion is confirmed for another address.",
    "request_mismatch": "The message answers another request.",
    "nonce_mismatch": "The token answers another request.",
    "tenant_mismatch": "The token comes from another tenant of the provider.",
    "hosted_domain_unproved": (
        "At Google anybody may have an account; this one belongs to no Google Workspace whose"
        " domain is proved here."
    ),
    "expired": "The message is too old.",
    "not_yet_valid": "The message lies in the future; the provider's clock may be wrong.",
    "authentication_too_old": "The person signed in at the provider too long ago.",
    "authentication_undated": (
        "The provider does not say when the person signed in there, and here a fresh proof is asked"
        " for; the person's own password or passkey is one."
    ),
    "token_invalid": "The provider's token lacks something or contradicts itself.",
    "userinfo_mismatch": "The provider's userinfo is about somebody else.",
    # About whom.
    "subject_missing": "The message names nobody, or not in the way that the connection asks for.",
    "subject_transient": "The provider names people anew each time; choose a lasting identifier.",
    "bad_groups": "The groups cannot be read.",
    "subject_ambiguous": "Several provisioned users fit the subject.",
    "unknown_person": "Nobody here is linked to this account, and the connection makes no members.",
    "email_domain_unproved": "New members need an e-mail address in a proved domain.",
    "email_unverified": (
        "The provider does not say that it has verified the e-mail address, which new members need,"
        " and everybody whom the address names."
    ),
    "email_missing": "New members need an e-mail address.",
    "deprovisioned_by_idp": "The identity provider took this person's access away.",
    "member_deactivated": "The member is deactivated.",
    "member_removed": "The membership has ended.",
    "on_hold": "The member is on hold.",
    "contained": "The owner was deprovisioned; access has ended until another owner exists.",
    "waitlisted": "The member waits for a free seat.",
    "seat_limit_reached": "There is no free seat.",
    # Own credentials.
    "credentials_wrong": "The password, code or passkey is wrong.",
    "factor_required": "A second factor is needed.",
    "throttled": "Too many attempts.",
}
"""Code → meaning. The person sees the code alone; admins see the meaning and the trace."""
