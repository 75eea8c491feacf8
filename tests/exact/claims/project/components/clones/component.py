from batou.component import Component
from batou.lib.git import Clone


class Clones(Component):
    base = None

    def configure(self):
        self += Clone(self.base + "/upstream", branch="main", target="clobbered", clobber=True)
        self += Clone(self.base + "/upstream", branch="main", target="guarded")
        self += Clone(self.base + "/upstream", branch="main", target="unfollowed", vcs_update=False)
