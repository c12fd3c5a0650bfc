"""Chat, mail and what else Apprise knows (extra `alerts`): its URLs hold secrets, so they stand in a file of their own."""

from __future__ import annotations

from dataclasses import dataclass

from attestflow.alerts.alert import Alert
from attestflow.errors import ConfigurationError, StoreError


@dataclass(frozen=True, slots=True)
class AppriseChannel:
    """Sends each alert as plain text to every URL."""

    urls: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> AppriseChannel:
        """From a file's text: a URL a line, `#` begins a comment. ConfigurationError for a URL that Apprise does not know."""
        try:
            import apprise
        except ImportError:
            raise ConfigurationError(
                "alerts by Apprise need a package that is not installed", hint="pip install 'attestflow[alerts]'"
            ) from None
        rows = (line.partition(" #")[0].strip() for line in text.splitlines())
        urls = tuple(row for row in rows if row and not row.startswith("#"))
        for number, url in enumerate(urls, 1):
            if apprise.Apprise.instantiate(url) is None:
                raise ConfigurationError(
                    f"URL {number} for Apprise is none that it knows", hint="see its documentation"
                )
        if not urls:
            raise ConfigurationError("the file for Apprise names no URL")
        return cls(urls)

    def __str__(self) -> str:
        return f"{len(self.urls)} Apprise URLs"

    def send(self, alert: Alert) -> None:
        """Deliver it to all; StoreError when one of them did not take it."""
        import apprise

        kind = apprise.NotifyType.WARNING if alert.event == "excepted" else apprise.NotifyType.FAILURE
        channel = apprise.Apprise()
        for url in self.urls:
            channel.add(url)
        if not channel.notify(alert.text(), alert.title, notify_type=kind, body_format=apprise.NotifyFormat.TEXT):
            raise StoreError("a notification was not taken", retryable=True)
