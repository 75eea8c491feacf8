from batou.component import Component
from batou.lib.archive import Extract
from batou.lib.download import Download


class Archives(Component):
    base = None
    tar = None
    zip = None

    def configure(self):
        self += Download(self.base + "/sample.tar", checksum=self.tar)
        self += Extract("sample.tar", target="untarred", strip=1)
        self += Download(self.base + "/sample.zip", checksum=self.zip)
        self += Extract("sample.zip", target="unzipped")
