"""What `verify` found, for people and programs, and the exit code that says it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attestflow.cli.output import fields, line, print_json, short

if TYPE_CHECKING:
    from attestflow.lineage import Explanation
    from attestflow.verify import Answer


def tell_answer(answer: Answer, target: str, *, read: bool, as_json: bool) -> int:
    """Print the answer; 0 verified, 3 nothing known about these bytes, 4 evidence that does not hold."""
    from attestflow.cli import EXIT_NOT_FOUND, EXIT_VERIFICATION

    code = 0 if answer.accepted else EXIT_VERIFICATION if answer.rejected else EXIT_NOT_FOUND
    if as_json:
        print_json(_document(answer, target, read=read))
        return code
    if answer.accepted:
        _tell_accepted(answer, target, read=read)
    elif answer.rejected:
        line(f"VERIFICATION FAILED  {target}: evidence was found, and none of it holds", style="red")
    else:
        line(f"NOT ATTESTED  {target}: nothing is known about these bytes", style="red")
        fields({"digest": answer.content})
        _tell_explanation(answer.explanation)
    for rejected in answer.rejected:
        line(f"  rejected  {rejected.location}: {rejected.reason}", style="yellow")
    return code


def _tell_accepted(answer: Answer, target: str, *, read: bool) -> None:
    line(f"VERIFIED  {target}", style="green")
    subject = answer.accepted[0].statement.subjects[0]
    selection = subject.annotations.get("selection")
    notes = {
        "sha256": None,
        "blake3": "recognised by BLAKE3: these are the bytes that this signer signed (--sha256 computes the digest)",
    }
    fields(
        {
            "digest": answer.content,
            "name": subject.name,
            "kind": subject.annotations.get("kind"),
            "selection": f"PARTIAL: only {', '.join(map(str, selection))}" if selection else None,
            "signed by": ", ".join(sorted({item.functionary for item in answer.accepted})),
            "on": max(str(item.statement.subjects[0].annotations.get("createdOn", "")) for item in answer.accepted),
            "note": notes[answer.by] if read else "no bytes were read: the digest was taken as given",
        }
    )


def _tell_explanation(explanation: Explanation | None) -> None:
    if explanation is None:
        line("hint: `attestflow attest dataset|model TARGET` attests it")
        return
    line(f"  the last attestation of {explanation.name} was of {short(str(explanation.previous))}")
    if explanation.note:
        line(f"  which file changed cannot be said: {explanation.note}", style="yellow")
    for change in changes(explanation):
        parts = [f"attested {short(change['attested'])}" if change["attested"] else None]
        parts.append(f"found {short(change['found'])}" if change["found"] else None)
        line(f"  {change_word(change)}  {change['file']}  {', '.join(filter(None, parts))}", style="yellow")
    line("hint: put the attested bytes back, or attest the new ones if they are meant")


def change_word(change: dict[str, Any]) -> str:
    """`changed`, `added` or `removed`."""
    if change["attested"] and change["found"]:
        return "changed"
    return "added  " if change["found"] else "removed"


def changes(explanation: Explanation) -> list[dict[str, Any]]:
    """Each file that differs, with the digest attested and the one found (hex SHA-256, None where there is none)."""
    diff = explanation.diff
    if diff is None:
        return []
    rows: list[dict[str, Any]] = [{"file": name, "attested": old, "found": new} for name, old, new in diff.changed]
    rows += [{"file": name, "attested": None, "found": "?"} for name in diff.added]
    rows += [{"file": name, "attested": "?", "found": None} for name in diff.removed]
    return rows


def _document(answer: Answer, target: str, *, read: bool) -> dict[str, Any]:
    return {
        "target": target,
        "verified": bool(answer.accepted),
        "digest": str(answer.content) if answer.content else None,
        "recognisedBy": answer.by,
        "bytesRead": read,
        "attestations": [
            {
                "identity": item.identity,
                "functionary": item.functionary,
                "name": item.statement.subjects[0].name,
                "annotations": item.statement.subjects[0].annotations,
            }
            for item in answer.accepted
        ],
        "rejected": [{"location": item.location, "reason": item.reason} for item in answer.rejected],
        "previous": str(answer.explanation.previous) if answer.explanation else None,
        "note": answer.explanation.note if answer.explanation else None,
        "changed": changes(answer.explanation) if answer.explanation else [],
    }
