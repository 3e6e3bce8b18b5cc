"""When a stack ends, and what it was made of: kept in the state itself, before anything is made.

So whoever reads the state, on whichever machine, can tell that the stack has expired, and destroy it or prolong it. An
output of the program alone would be missing where the first update was killed.
"""

from collections.abc import Mapping
from typing import Any, Final

import pulumi

END_OF_LIFE_TYPE: Final = "tts-platform:ephemeral:EndOfLife"


class EndOfLife(pulumi.ComponentResource):
    """A record in the state: the end as RFC 3339 writes it, in UTC, and the stack's config, which has no secret."""

    def __init__(
        self, name: str, expires: str, settings: Mapping[str, Any], opts: pulumi.ResourceOptions | None = None
    ):
        # Inputs are noted with the registration itself, outputs some time after it.
        super().__init__(END_OF_LIFE_TYPE, name, {"expires": expires, "settings": dict(settings)}, opts)
        self.register_outputs({})
