"""Payment passwords (支付密码), as they are kept: Argon2id, then sealed like all of the vault.

Six digits are a million guesses, which no hash can make many; what protects them is that the hash
is sealed under the member's key, and that tries are counted. The hash is for whoever has the key.
"""

import re
import secrets
from itertools import pairwise

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from domain.refusals import Code, Refused

# OWASP's second choice of 2024: 19 MiB, two passes, one lane.
MEMORY_KIB, PASSES, LANES = 19 * 1024, 2, 1
SALT_BYTES, HASH_BYTES = 16, 32
_is_password = re.compile(r"[0-9]{6}", re.ASCII).fullmatch


def checked_password(value: str, field: str) -> str:
    """Six digits that are not the first ones anybody tries. Raises Refused(PARTICULARS_INVALID),
    which shows nothing."""
    if not isinstance(value, str) or not _is_password(value):
        raise Refused(Code.PARTICULARS_INVALID, field, "six digits are needed")
    steps = {ord(after) - ord(before) for before, after in pairwise(value)}
    if steps in ({0}, {1}, {-1}):
        raise Refused(Code.PARTICULARS_INVALID, field, "six digits that are no row are needed")
    return value


def hashed(password: str) -> str:
    """Salt, parameters and hash, in the form of the PHC."""
    salt = secrets.token_bytes(SALT_BYTES)
    made = Argon2id(
        salt=salt, length=HASH_BYTES, iterations=PASSES, lanes=LANES, memory_cost=MEMORY_KIB
    )
    return made.derive_phc_encoded(password.encode())


def is_right(password: str, kept: str) -> bool:
    """Whether this password was hashed."""
    try:
        Argon2id.verify_phc_encoded(password.encode(), kept)
    except InvalidKey:
        return False
    return True
