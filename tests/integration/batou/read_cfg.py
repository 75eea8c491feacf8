"""Reads a JSON list of base64 texts; prints, for each, what batou's own Config makes of it, or the error's class."""
import base64
import json
import os
import sys
import tempfile

from batou.environment import Config

out = []
with tempfile.TemporaryDirectory() as directory:
    path = os.path.join(directory, "environment.cfg")
    for text in json.load(sys.stdin):
        with open(path, "wb") as f:
            f.write(base64.b64decode(text))
        try:
            config = Config(path)
            out.append({"sections": [[name, [list(pair) for pair in config[name].items()]] for name in config]})
        except Exception as e:
            out.append({"refused": type(e).__name__})
json.dump(out, sys.stdout)
