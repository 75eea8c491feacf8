from batou.component import Component
from batou.lib.file import Directory, File, JSONContent, Presence, Purge, Symlink, YAMLContent


class Files(Component):
    def configure(self):
        self += File("rendered", content="host {{host.name}}\n")
        self += File("private", content="declared mode\n", mode=0o600)
        self += File("owned", content="declared owner\n", owner="root", group="root")
        self += File("empty", content="")
        self += Presence("present")
        self += Presence("data.json")
        self += JSONContent("data.json", data={"a": 1})
        self += YAMLContent("bare.yaml", data={"a": 1})
        self += Directory("directory")
        self += Directory("synced", source="tree")
        self += Symlink("link", source="rendered")
        self += Purge("purged")
