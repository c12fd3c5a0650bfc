"""Encrypted PKCS #8 with a slow derivation: `cryptography` writes it with 2,048 rounds, which a laptop tries by the million."""

from __future__ import annotations

import base64
import hashlib
import os
import textwrap

ROUNDS = 600_000

# DER object identifiers: RFC 8018 appendix C (PBES2, PBKDF2, hmacWithSHA256), NIST (aes256-CBC).
_PBES2 = bytes.fromhex("06092a864886f70d01050d")
_PBKDF2 = bytes.fromhex("06092a864886f70d01050c")
_HMAC_SHA256 = bytes.fromhex("06082a864886f70d02090500")
_AES256_CBC = bytes.fromhex("060960864801650304012a")


def encrypted_pem(private_key_info: bytes, passphrase: bytes, *, rounds: int = ROUNDS) -> bytes:
    """A DER PrivateKeyInfo as EncryptedPrivateKeyInfo in PEM (RFC 5958, section 3; RFC 7468, section 11).

    PBES2 with PBKDF2-HMAC-SHA256 over 600,000 rounds and AES-256-CBC (RFC 8018): OpenSSL and `cryptography` read it.
    """
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.ciphers.modes import CBC
    from cryptography.hazmat.primitives.padding import PKCS7

    salt, vector = os.urandom(16), os.urandom(16)
    key = hashlib.pbkdf2_hmac("sha256", passphrase, salt, rounds, 32)
    padder, encryptor = PKCS7(128).padder(), Cipher(AES(key), CBC(vector)).encryptor()
    padded = padder.update(private_key_info) + padder.finalize()
    encrypted = encryptor.update(padded) + encryptor.finalize()
    derivation = _sequence(_PBKDF2, _sequence(_octets(salt), _integer(rounds), _sequence(_HMAC_SHA256)))
    scheme = _sequence(_PBES2, _sequence(derivation, _sequence(_AES256_CBC, _octets(vector))))
    text = base64.b64encode(_sequence(scheme, _octets(encrypted))).decode("ascii")
    lines = [
        "-----BEGIN ENCRYPTED PRIVATE KEY-----",
        *textwrap.wrap(text, 64),
        "-----END ENCRYPTED PRIVATE KEY-----",
        "",
    ]
    return "\n".join(lines).encode("ascii")


def _sequence(*parts: bytes) -> bytes:
    return _element(0x30, b"".join(parts))


def _octets(data: bytes) -> bytes:
    return _element(0x04, data)


def _integer(value: int) -> bytes:
    return _element(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _element(tag: int, data: bytes) -> bytes:
    """One DER element (X.690, section 8.1): tag, definite length, contents."""
    size = len(data)
    if size < 0x80:
        return bytes([tag, size]) + data
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + data
