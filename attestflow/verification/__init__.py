"""Verifying bundles: against a trust root (`verifier`), one public key (`key`), or for a signed YAML document."""
