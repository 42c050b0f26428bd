"""Tasks, in whichever way they were asked for."""

from services.importer.work import Task


def a_task(kind, given):
    return Task("t", kind, "i", "p1", "u1", "req-1", given, epoch=1, attempts=1, lease_owner="w")


def test_a_task_of_the_older_kind_is_a_web_download_into_the_main_store():  # IMG-726
    given = {"import_from": "http://x.test/a", "import_from_format": "qcow2", "image_properties": {"name": "a"}}
    task = a_task("import", given).spelled_out("fast")
    assert (task.method, task.asked["method"]["uri"], task.stores) == ("web-download", "http://x.test/a", ["fast"])
    assert (task.all_stores_must_succeed, task.expected_digests) == (True, {})


def test_a_task_of_the_usual_kind_says_everything_itself():
    task = a_task("api_image_import", {"import_req": {"method": {"name": "glance-direct"}}, "backend": ["cheap"]})
    assert task.spelled_out("fast") is task
