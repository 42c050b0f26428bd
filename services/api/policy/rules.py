"""What is allowed unless the operator says otherwise (AC-8, AC-10, AC-11)."""

ADMIN = "rule:context_is_admin"
MEMBER = "role:member and project_id:%(project_id)s"
SEEN = (
    "project_id:%(project_id)s or project_id:%(member_id)s or 'community':%(visibility)s or 'public':%(visibility)s"
    " or 'shared':%(visibility)s"
)
OWNER_MAY = f"{ADMIN} or ({MEMBER})"
READER_MAY = f"{ADMIN} or (role:reader and project_id:%(project_id)s)"
READER_OF_MEMBERS = f"{ADMIN} or (role:reader and (project_id:%(project_id)s or project_id:%(member_id)s))"
DOWNLOADER_MAY = f"{ADMIN} or (role:member and ({SEEN}))"

BASE = {
    "default": "",
    "context_is_admin": "role:admin",
    "service_api": "role:service or role:admin",
    "metadef_default": "",
    "metadef_admin": ADMIN,
}
"""Rules that others refer to; they have no scope (AC-4)."""

IMAGES = {
    "add_image": f"{ADMIN} or ({MEMBER} and project_id:%(owner)s)",
    "get_images": READER_MAY,
    "get_image": f"{ADMIN} or (role:reader and ({SEEN}))",
    "modify_image": OWNER_MAY,
    "delete_image": OWNER_MAY,
    "publicize_image": ADMIN,
    "communitize_image": OWNER_MAY,
    "download_image": DOWNLOADER_MAY,
    "download_from_store": DOWNLOADER_MAY,
    "upload_image": OWNER_MAY,
    "get_image_location": READER_MAY,
    "set_image_location": OWNER_MAY,
    "delete_image_location": ADMIN,
    "add_image_location": f"rule:service_api or ({MEMBER} and project_id:%(owner)s)",
    "fetch_image_location": "rule:service_api",
    "copy_image": ADMIN,
    "deactivate": OWNER_MAY,
    "reactivate": OWNER_MAY,
    "restore_image": ADMIN,
    "add_member": OWNER_MAY,
    "delete_member": OWNER_MAY,
    "get_members": READER_OF_MEMBERS,
    "get_member": READER_OF_MEMBERS,
    "modify_member": f"{ADMIN} or (role:member and project_id:%(member_id)s)",
    "stores_info_detail": f"{ADMIN} or rule:service_api",
    "tasks_api_access": ADMIN,
    "cache_list": ADMIN,
    "cache_image": ADMIN,
    "cache_delete": ADMIN,
    "cache_clean": ADMIN,
    "cache_prune": ADMIN,
    "list_cached_nodes": ADMIN,
    "get_task": "rule:default",
    "get_tasks": "rule:default",
    "add_task": "rule:default",
    "modify_task": "rule:default",
}
"""Images, members, tasks, stores; `restore_image` is ours (IMG-719)."""

METADEFS_READ = f"{ADMIN} or (role:reader and (project_id:%(project_id)s or 'public':%(visibility)s))"
METADEFS_WRITE = "rule:metadef_admin"

METADEFS = {
    "get_metadef_namespaces": READER_MAY,
    "get_metadef_namespace": METADEFS_READ,
    "get_metadef_objects": METADEFS_READ,
    "get_metadef_object": METADEFS_READ,
    "list_metadef_resource_types": METADEFS_READ,
    "get_metadef_resource_type": METADEFS_READ,
    "get_metadef_properties": METADEFS_READ,
    "get_metadef_property": METADEFS_READ,
    "get_metadef_tags": METADEFS_READ,
    "get_metadef_tag": METADEFS_READ,
    "add_metadef_namespace": METADEFS_WRITE,
    "modify_metadef_namespace": METADEFS_WRITE,
    "delete_metadef_namespace": METADEFS_WRITE,
    "add_metadef_object": METADEFS_WRITE,
    "modify_metadef_object": METADEFS_WRITE,
    "delete_metadef_object": METADEFS_WRITE,
    "add_metadef_resource_type_association": METADEFS_WRITE,
    "remove_metadef_resource_type_association": METADEFS_WRITE,
    "add_metadef_property": METADEFS_WRITE,
    "modify_metadef_property": METADEFS_WRITE,
    "remove_metadef_property": METADEFS_WRITE,
    "add_metadef_tag": METADEFS_WRITE,
    "add_metadef_tags": METADEFS_WRITE,
    "modify_metadef_tag": METADEFS_WRITE,
    "delete_metadef_tag": METADEFS_WRITE,
    "delete_metadef_tags": METADEFS_WRITE,
}
"""The catalogue of metadata definitions: readers read, administrators write (AC-11)."""

OPEN_BEFORE = frozenset(
    {
        "add_image",
        "get_images",
        "get_image",
        "modify_image",
        "delete_image",
        "communitize_image",
        "download_image",
        "upload_image",
        "get_image_location",
        "set_image_location",
        "delete_image_location",
        "deactivate",
        "reactivate",
        "add_member",
        "delete_member",
        "get_members",
        "get_member",
        "modify_member",
        *(name for name, check in METADEFS.items() if check != METADEFS_WRITE),
    }
)
"""Rules that said yes to everybody before there were readers and members (AC-6, AC-10, AC-11, IMG-151)."""

OWNERS_BEFORE = frozenset(
    {
        "modify_image",
        "delete_image",
        "upload_image",
        "set_image_location",
        "delete_image_location",
        "deactivate",
        "reactivate",
        "add_member",
        "delete_member",
    }
)
"""What only the owner's project, and administrators, could do all the same (AC-16)."""

DEFAULTS = BASE | IMAGES | METADEFS
