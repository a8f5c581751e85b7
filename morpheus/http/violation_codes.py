"""The codes of one field or query parameter each, within the `violations` of a problem."""

from __future__ import annotations

from morpheus.http.problem_codes import ProblemType

_OF_FIELDS = {
    # Query parameters.
    "unknown_parameter": ("Unknown parameter", "The operation has no parameter of this name."),
    "repeated_parameter": ("Repeated parameter", "The parameter occurs more than once."),
    "invalid_cursor": ("Invalid cursor", "The cursor is malformed, or of another list."),
    "page_with_cursor": ("Page with cursor", "A page has a number or a cursor, not both."),
    "page_too_deep": ("Page too deep", "The page is reached by `cursor`, not by its number."),
    "unknown_name": ("Unknown name", "The operation has no field or expansion of this name."),
    "not_expanded": ("Not expanded", "The field is one that `expand` adds, and was not asked for."),
    "left_out": ("Left out", "What `expand` adds is not among the `fields`."),
    "too_complex": ("Too complex", "A search has too many operators."),
    # Values.
    "required": ("Required", "The field is missing."),
    "null": ("Null", "The field may not be null."),
    "blank": ("Blank", "The text is empty."),
    "invalid": ("Invalid", "The value has the wrong type or form."),
    "invalid_choice": ("Invalid choice", "The value is none of the possible ones."),
    "max_length": ("Too long", "The text or the file name has too many characters."),
    "min_length": ("Too short", "The text has too few characters."),
    "max_value": ("Too large", "The number is above the limit."),
    "min_value": ("Too small", "The number is below the limit."),
    "overflow": ("Too large", "The number or the time is beyond any limit."),
    "in_the_future": ("In the future", "The time is too far ahead of the server's."),
    "date": ("Not a time", "The value is a date without a time."),
    "make_aware": ("No such time", "The time does not exist in its time zone."),
    "max_string_length": ("Too long", "The number has too many digits."),
    "does_not_exist": ("No such object", "There is no such object, or the caller cannot see it."),
    "incorrect_type": ("Wrong type", "The reference to an object has the wrong type."),
    "not_a_list": ("Not a list", "The value is not a list."),
    "repeated": ("Repeated", "A value occurs more than once in the list."),
    "not_a_dict": ("Not an object", "The value is not an object."),
    "unique": ("Taken", "Another object has this value."),
    "null_characters_not_allowed": ("Null character", "The text has a null character."),
    "surrogate_characters_not_allowed": ("Half a character", "The text has a lone surrogate."),
    # Names and passwords.
    "invisible": ("Invisible", "The name has no visible character."),
    "hidden_characters": ("Hidden characters", "The name has invisible characters."),
    "password_too_short": ("Too short", "The password has too few characters."),
    "password_too_common": ("Too common", "The password is one of the most common ones."),
    "password_too_similar": ("Too similar", "The password is like the name or the address."),
    "password_entirely_numeric": ("Only digits", "The password has nothing but digits."),
    "password_invisible": ("Invisible", "The password has no visible character."),
    "wrong_password": ("Wrong password", "This is not the current password."),
    "invalid_token": ("Invalid token", "The token of the mail is unknown, used or expired."),
    # Files.
    "no_name": ("No file name", "The file has no name."),
    "empty": ("Empty", "The value, the file or its text is empty."),
    "too_large": ("Too large", "The file, or what it contains, is too large."),
    "too_costly": ("Too costly", "The file takes too long to read."),
    "unsupported": ("Unsupported", "The file is of a kind that is not supported."),
    "binary": ("Not text", "The file is not text."),
    "drm": ("Protected", "The file is encrypted."),
    "bad_epub": ("Unusable EPUB", "The EPUB lacks a part, or contradicts itself."),
    "bad_xml": ("Malformed XML", "A document of the EPUB is malformed."),
    "bad_zip": ("Damaged file", "The EPUB's archive is damaged."),
    "zip_bomb": ("Archive bomb", "The EPUB unpacks to far too much."),
    "path_traversal": ("Unsafe names", "The EPUB has names that lead out of the archive."),
    "bad_picture": ("Unusable picture", "The picture is damaged, too large or of another kind."),
}

VIOLATIONS = {
    code: ProblemType(None, title, meaning, "Correct the value; `detail` says how.")
    for code, (title, meaning) in _OF_FIELDS.items()
}
