"""What fits in the fields of an image."""

import pytest

from schemas.images import ImageFields, is_reserved, is_too_wide
from schemas.vocabulary import CONTAINER_FORMATS, DISK_FORMATS

FIELDS = ImageFields(DISK_FORMATS, CONTAINER_FORMATS)
AN_ID = "1BCDEF11-2222-4333-8444-555555555555"

DEFINED = [
    ("kernel_id", AN_ID, True),  # IMG-185
    ("kernel_id", "a kernel", False),
    ("kernel_id", "", False),
    ("kernel_id", 5, False),
    ("ramdisk_id", AN_ID.lower(), True),
    ("ramdisk_id", AN_ID + "\n", False),
    ("instance_uuid", "any text", True),
    ("instance_uuid", None, False),
    ("architecture", "x86_64", True),
    ("os_distro", "", True),
    ("os_version", 12, False),
    ("description", "x" * 70_000, True),  # IMG-182
    ("cinder_encryption_key_id", "any text", True),
    ("cinder_encryption_key_deletion_policy", "on_image_deletion", True),
    ("cinder_encryption_key_deletion_policy", "do_not_delete", True),
    ("cinder_encryption_key_deletion_policy", "on_image_deletion ", False),
    ("cinder_encryption_key_deletion_policy", None, False),
    ("hw_anything", "text", True),  # IMG-187
    ("hw_anything", None, False),  # IMG-182
    ("hw_anything", True, False),
    ("Kernel_id", "any text", True),  # IMG-183: case matters
]


@pytest.mark.parametrize(("name", "value", "fits"), DEFINED)
def test_a_custom_property_is_a_text_unless_it_is_defined_as_more(name, value, fits):
    assert not FIELDS.is_base(name)
    if fits:
        assert FIELDS.checked(name, value) == value
    else:
        with pytest.raises(ValueError, match=name):
            FIELDS.checked(name, value)


@pytest.mark.rule("IMG-186")
@pytest.mark.parametrize("name", ["kernel_id", "ramdisk_id"])
def test_where_null_is_taken_it_is_the_empty_text(name):
    assert FIELDS.checked(name, None) == ""


def test_without_definitions_they_are_plain_texts():  # IMG-185
    plain = ImageFields(DISK_FORMATS, CONTAINER_FORMATS, defined={})
    assert plain.checked("kernel_id", "a kernel") == "a kernel"
    with pytest.raises(ValueError, match="kernel_id"):
        plain.checked("kernel_id", None)


@pytest.mark.parametrize(
    ("value", "wide"),
    [
        ("plain", False),
        ("ünïcödé \uffff", False),
        ("\U0001f4be", True),  # IMG-93
        ("a\0b", True),
        ({"a": ["b", {"\U0001f4be": 1}]}, True),
        (["a", 5, None, {"b": "c"}], False),
    ],
)
def test_what_can_not_be_kept_is_found_wherever_it_is(value, wide):
    assert is_too_wide(value) is wide


@pytest.mark.parametrize(
    ("name", "reserved"),
    [
        ("location", True),  # IMG-195
        ("deleted", True),
        ("deleted_at", True),
        ("os_glance", True),  # IMG-197
        ("os_glancefoo", True),
        ("os_glimpse_x", True),  # IMG-723
        ("os_glanc", False),
        ("members", False),  # IMG-201
        ("Location", False),
    ],
)
def test_some_names_are_nobodys(name, reserved):
    assert is_reserved(name) is reserved


def test_a_value_nested_as_deep_as_json_goes_is_looked_at_to_the_end():
    value = "\0"
    for _ in range(1000):
        value = [{"a": value}]
    assert is_too_wide(value)
