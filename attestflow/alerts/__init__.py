"""Alerts: what a gate refused, let through by exception, or would no longer let through, told to people. They decide nothing."""
