from batou.component import Component
from batou.lib.python import Package, VirtualEnv


class Venv(Component):
    def configure(self):
        venv = VirtualEnv("3")
        self += venv
        venv += Package("claimed", version="1.0", check_package_is_module=False)
