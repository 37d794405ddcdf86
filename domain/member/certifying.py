"""Commands of certificates: registered and revoked."""

from domain.fields import checked_member_id, checked_text
from domain.kernel import Command, Unit
from domain.member import certificate as certificates
from domain.member import member
from domain.refusals import Code, Refused


class RegisterCertificate(Command, frozen=True):
    """`certificate` is the SHA-256 of the public key, in hexadecimal; the key is in the vault."""

    member_id: str
    certificate: str
    algorithm: certificates.Algorithm


class RevokeCertificate(Command, frozen=True):
    member_id: str
    certificate: str
    reason: str


def register_certificate(unit: Unit, command: RegisterCertificate) -> dict[str, object]:
    """Raises MEMBER_NOT_FOUND, MEMBER_FORGOTTEN, MEMBER_KIND_WRONG, CERTIFICATE_LIMIT."""
    name = certificates.checked_certificate(command.certificate)
    owner = unit.load(member.stream(checked_member_id(command.member_id)))
    member.need(owner)
    if owner.kind != "personal":
        raise Refused(Code.MEMBER_KIND_WRONG, "member_id", "only personal members have a wallet")
    stream = certificates.stream(command.member_id)
    unit.record(stream, certificates.register(unit.load(stream), name, command.algorithm))
    return {
        "member_id": command.member_id,
        "certificate": name,
        "algorithm": command.algorithm,
        "state": "registered",
    }


def revoke_certificate(unit: Unit, command: RevokeCertificate) -> dict[str, object]:
    """Raises CERTIFICATE_NOT_FOUND."""
    name = certificates.checked_certificate(command.certificate)
    reason = checked_text(command.reason, "reason")
    stream = certificates.stream(checked_member_id(command.member_id))
    unit.record(stream, certificates.revoke(unit.load(stream), name, reason))
    return {"member_id": command.member_id, "certificate": name, "state": "revoked"}
