"""Verdicts for readers: SARIF 2.1.0, Markdown, a page in HTML, and lineages as Mermaid. One escaper for each output."""
