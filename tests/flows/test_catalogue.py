"""A catalogue of metadata definitions is there from the first start."""


def test_the_definitions_that_come_with_glimpse_are_there_once(roomy, start):
    folder = roomy / "catalogue"
    folder.mkdir(mode=0o755)
    with start(folder) as glimpse:
        glimpse.until(lambda: len(namespaces(glimpse)) == 33)
        glimpse.run("metadefs", "unload")
    with start(folder) as glimpse:  # who unloaded them is rid of them
        glimpse.until(lambda: "filled before" in glimpse.tail())
        assert namespaces(glimpse) == []


def namespaces(glimpse):
    return glimpse.ask("GET", "/v2/metadefs/namespaces?limit=100").json["namespaces"]
