"""Why an import failed: a stable code for programs, a sentence for the owner, and whether trying again may help."""

from glimpse.errors import (
    Conflict,
    GlimpseError,
    Invalid,
    NotFound,
    OverQuota,
    SizeMismatch,
    StoreError,
    StoreFull,
    TooLarge,
    Unavailable,
    WrongFormat,
)

SOURCE_UNREACHABLE = "source_unreachable"
SOURCE_REFUSED = "source_refused"
SOURCE_NOT_FOUND = "source_not_found"
SOURCE_FORBIDDEN_ADDRESS = "source_forbidden_address"
SIGNATURE_INVALID = "signature_invalid"
CREDENTIALS_REFUSED = "credentials_refused"
LOCATION_REFUSED = "location_refused"
DIGEST_MISMATCH = "digest_mismatch"
FORMAT_MISMATCH = "format_mismatch"
FORMAT_UNSAFE = "format_unsafe"
CORRUPT_SOURCE = "corrupt_source"
TOO_LARGE = "too_large"
OVER_QUOTA = "over_quota"
STORE_FULL = "store_full"
STORE_FAILED = "store_failed"
CONVERSION_UNAVAILABLE = "conversion_unavailable"
CONVERSION_FAILED = "conversion_failed"
DEADLINE = "deadline"
INTERNAL = "internal"

IMAGE_DELETED = "image_deleted"


class ImportFailure(GlimpseError):
    """Why one try came to nothing. With `passing` another try may do better."""

    def __init__(self, code: str, sentence: str, *, passing: bool = False) -> None:
        super().__init__(sentence)
        self.code = code
        self.passing = passing


TELLS: tuple[tuple[type[GlimpseError], str, bool], ...] = (
    (StoreFull, STORE_FULL, True),
    (OverQuota, OVER_QUOTA, False),
    (TooLarge, TOO_LARGE, False),
    (SizeMismatch, CORRUPT_SOURCE, False),
    (Invalid, DIGEST_MISMATCH, False),
    (NotFound, SOURCE_NOT_FOUND, False),
    (Conflict, INTERNAL, False),
    (Unavailable, INTERNAL, True),
)
"""What the parts of the house raise, and what it means for an import; the first that fits."""


def explain(error: BaseException) -> ImportFailure:
    """Say what went wrong, in the owner's words; what nobody foresaw is `internal` and tried again."""
    if isinstance(error, ImportFailure):
        return error
    if isinstance(error, TimeoutError):
        return ImportFailure(DEADLINE, "the import took longer than one try may take", passing=True)
    if isinstance(error, WrongFormat):
        code = FORMAT_UNSAFE if "not safe" in error.message else FORMAT_MISMATCH
        return ImportFailure(code, error.message)
    if isinstance(error, StoreError):  # its text has paths in it, which are the operator's business
        return ImportFailure(STORE_FAILED, "a store could not keep, or not give, the bytes", passing=True)
    for kind, code, passing in TELLS:
        if isinstance(error, kind):
            return ImportFailure(code, error.message, passing=passing)
    return ImportFailure(INTERNAL, "the import failed inside the service; its log says why", passing=True)
