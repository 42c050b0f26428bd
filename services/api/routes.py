"""Every route of the API on one page; `allow` is written where a 405 says something else than what there is."""

from services.api.handlers import activation, data, images, imports, locations, members, schemas, stores, tags, tasks
from services.api.metadef_routes import METADEFS
from services.api.routing import route

ROUTES = (
    route("/images", GET=images.list_images, POST=images.create),
    route("/images/deleted", GET=images.list_deleted, allow=None),
    route("/images/{image_id}", GET=images.show, PATCH=images.update, DELETE=images.delete),
    route("/images/{image_id}/file", GET=data.download, PUT=data.upload),
    route("/images/{image_id}/stage", PUT=data.stage),
    route("/images/{image_id}/import", POST=imports.request_import),
    route("/images/{image_id}/locations", GET=locations.list_locations, POST=locations.add, allow="POST"),
    route("/images/{image_id}/tasks", GET=tasks.list_of_image, allow=None),
    route("/images/{image_id}/tags/{tag}", PUT=tags.add, DELETE=tags.remove),
    route("/images/{image_id}/members", GET=members.list_members, POST=members.create),
    route("/images/{image_id}/members/{member}", GET=members.show, PUT=members.update, DELETE=members.delete),
    route("/images/{image_id}/actions/deactivate", POST=activation.deactivate),
    route("/images/{image_id}/actions/reactivate", POST=activation.reactivate),
    route("/images/{image_id}/actions/restore", POST=activation.restore),
    route("/stores/{store}/{image_id}", DELETE=stores.delete_copy),
    route("/info/import", GET=stores.show_import),
    route("/info/stores", GET=stores.list_stores),
    route("/info/stores/detail", GET=stores.list_stores_in_detail),
    route("/info/usage", GET=stores.show_usage, allow=None),
    route("/tasks", GET=tasks.list_tasks, POST=tasks.create),
    route("/tasks/{task_id}", GET=tasks.show, DELETE=tasks.delete),
    route("/schemas/image", GET=schemas.image),
    route("/schemas/images", GET=schemas.images),
    route("/schemas/member", GET=schemas.member),
    route("/schemas/members", GET=schemas.members),
    route("/schemas/task", GET=schemas.task),
    route("/schemas/tasks", GET=schemas.tasks),
    *METADEFS,
)
