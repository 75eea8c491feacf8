from batou.component import Component
from batou.lib.cmmi import Build


class Builds(Component):
    base = None
    tar = None

    def configure(self):
        self += Build(self.base + "/cmmi-1.0.tar", checksum=self.tar)
