"""Python's garbage collector during a cold start.

What a function loads stays for as long as its process lives, and searching it for garbage is a
sixth of a cold start's work. So the package pauses the collector when it is imported. After the
first answer the collector runs again, without the objects that were loaded by then.
"""

import gc
import os


def pause() -> None:
    """Stop collecting, in Lambda only: elsewhere nothing would start it again."""
    if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
        gc.disable()


def freeze() -> None:
    """Start collecting if it is paused, and exclude all objects that exist by now."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
