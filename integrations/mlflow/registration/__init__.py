"""Where models are registered: what was trained, by which run, which bytes; signed and shown."""
