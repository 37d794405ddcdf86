"""Certificates of persons: public keys by which they sign their payments."""

from api.context import AppContext
from api.operations import factors
from api.operations.wishes import KeyShown
from api.rest.endpoint import Endpoint
from domain.kernel import Request
from domain.ledger.answer import Answer
from domain.member.certifying import RegisterCertificate, RevokeCertificate

MEMBER = {"member_id": "xiaoming"}
PUBLIC_KEY = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE="
CERTIFICATE = "a1e9156054e04fac899ae9f275132cdc07a5dbc4ea2c2ad3a1ffc6e0d253681f"


def _settle(context: AppContext, request: Request, answer: Answer) -> None:
    """A key that was not registered, or is revoked, goes from the vault."""
    command = request.command
    if isinstance(command, RegisterCertificate | RevokeCertificate):
        factors.settled(context.personal, command.member_id, command.certificate)


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/v1/members/{member_id}/certificates",
        command=RegisterCertificate,
        wish=KeyShown,
        tokenised=factors.register,
        afterwards=_settle,
        summary="Register a public key, Ed25519 or ECDSA P-256, by which a person signs payments",
        sample=MEMBER,
        body={"public_key": PUBLIC_KEY},
        result={
            **MEMBER,
            "certificate": CERTIFICATE,
            "algorithm": "ed25519",
            "state": "registered",
        },
        created=True,
    ),
    Endpoint(
        method="POST",
        path="/v1/members/{member_id}/certificates/{certificate}/revoke",
        command=RevokeCertificate,
        afterwards=_settle,
        summary="Take no signature of a certificate any more",
        sample={**MEMBER, "certificate": CERTIFICATE},
        body={"reason": "the key was lost"},
        result={**MEMBER, "certificate": CERTIFICATE, "state": "revoked"},
    ),
)
