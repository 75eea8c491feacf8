from batou.component import Component
import batou.lib.appenv


class Locked(Component):
    def configure(self):
        self += batou.lib.appenv.AppEnv("3")
