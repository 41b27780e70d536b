"""Python's garbage collector during a cold start.

What a function loads stays for as long as its process lives, and looking for garbage among it time
and again is a sixth of a cold start's work. So the package pauses the collector when it is
imported. The first answer starts it again, and what is there by then stays out of its sight.
"""

import gc
import os


def pause() -> None:
    """Stop collecting, in Lambda: elsewhere nothing would start it again."""
    if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
        gc.disable()


def settle() -> None:
    """Start collecting, if it is paused, and never look at what is loaded by now."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
