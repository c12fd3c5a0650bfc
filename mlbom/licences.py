"""Python package metadata to an SPDX licence expression, only where that is certain."""

from __future__ import annotations

import re
from collections.abc import Sequence

from attestflow.mlbom.description import Licence, text_problem
from attestflow.mlbom.spdx import spdx_expression

# Classifiers that name one licence. "BSD License" and "Apache Software License" do not: which BSD, which version?
_CLASSIFIERS = {
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "ISC License (ISCL)": "ISC",
    "Mozilla Public License 1.1 (MPL 1.1)": "MPL-1.1",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
    "Boost Software License 1.0 (BSL-1.0)": "BSL-1.0",
    "Zero-Clause BSD (0BSD)": "0BSD",
    "Blue Oak Model License (BlueOak-1.0.0)": "BlueOak-1.0.0",
    "Eclipse Public License 2.0 (EPL-2.0)": "EPL-2.0",
    "European Union Public Licence 1.2 (EUPL 1.2)": "EUPL-1.2",
    "GNU General Public License v2 (GPLv2)": "GPL-2.0-only",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "GNU Lesser General Public License v2 (LGPLv2)": "LGPL-2.0-only",
    "GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.0-or-later",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    "GNU Affero General Public License v3": "AGPL-3.0-only",
    "GNU Affero General Public License v3 or later (AGPLv3+)": "AGPL-3.0-or-later",
}

# Names in free text, lower case, punctuation as blanks.
_TEXTS = {
    "apache 2 0": "Apache-2.0",
    "apache 2": "Apache-2.0",
    "apache license 2 0": "Apache-2.0",
    "apache license version 2 0": "Apache-2.0",
    "apache software license 2 0": "Apache-2.0",
    "mit license": "MIT",
    "the mit license": "MIT",
    "mit": "MIT",
    "isc license": "ISC",
    "bsd 2 clause license": "BSD-2-Clause",
    "bsd 2 clause": "BSD-2-Clause",
    "bsd 3 clause license": "BSD-3-Clause",
    "bsd 3 clause": "BSD-3-Clause",
    "3 clause bsd license": "BSD-3-Clause",
    "3 clause bsd": "BSD-3-Clause",
    "new bsd license": "BSD-3-Clause",
    "new bsd": "BSD-3-Clause",
    "mozilla public license 2 0": "MPL-2.0",
    "mpl 2 0": "MPL-2.0",
    "psf 2 0": "PSF-2.0",
    "unlicense": "Unlicense",
}
_MAX_NAME = 200


def licence_of(expression: str | None, text: str | None, classifiers: Sequence[str]) -> Licence | None:
    """The licence that a package declares: License-Expression (PEP 639), else the field License, else its classifiers.

    A field License that is an SPDX expression or a name which can mean one licence only becomes an expression; so does a single
    unambiguous classifier. Anything else stays what it is, a name. None where nothing is declared.
    """
    if expression and (stated := _first_line(expression)):
        valid = spdx_expression(stated)
        return Licence(valid, () if valid else (stated,), "License-Expression")
    line = _first_line(text)
    if line and "\n" not in (text or "").strip():
        known = spdx_expression(line) or _TEXTS.get(_plain(line))
        if known:
            return Licence(known, (), "License")
    names = tuple(dict.fromkeys(name for name in map(_classifier, classifiers) if name))
    if len(names) == 1 and names[0] in _CLASSIFIERS:
        return Licence(_CLASSIFIERS[names[0]], (), "classifier")
    if names:
        return Licence(None, names, "classifier")
    if line:
        return Licence(None, (line,), "License")
    return None


def _first_line(text: str | None) -> str | None:
    """The field License if it is a name; of a whole licence text the title, if it is a name that we know."""
    first, *more = (text or "").strip().splitlines() or [""]
    name = first.strip()
    if not name or name.upper() in {"UNKNOWN", "NONE", "N/A"} or text_problem(name, limit=_MAX_NAME):
        return None
    return None if more and _plain(name) not in _TEXTS else name


def _plain(text: str) -> str:
    return " ".join(re.split(r"[^a-z0-9]+", text.lower())).strip()


def _classifier(classifier: str) -> str | None:
    """The last part of a licence classifier; the bare "OSI Approved" names none."""
    if not classifier.startswith("License :: "):
        return None
    name = classifier.rsplit(" :: ", 1)[-1].strip()
    return None if name in {"OSI Approved", "DFSG approved", "License"} or text_problem(name, limit=_MAX_NAME) else name
