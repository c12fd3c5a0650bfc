"""Signing statements: `interface` says what a signer offers, `key` signs with a key file."""
