"""The rules, one module each; `attestflow.policy.registry` finds them by their id."""
