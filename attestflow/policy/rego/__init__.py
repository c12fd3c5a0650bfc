"""Rego: policies that YAML cannot say, evaluated in a child process that can do nothing but think, and not for long."""
