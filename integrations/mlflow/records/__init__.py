"""Asking for a promotion, and looking back at what was decided."""
