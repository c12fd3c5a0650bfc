"""Rehearsals: a policy tried on made-up evidence, signed with keys that exist for that long (`attestflow policy test`)."""
