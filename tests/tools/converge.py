#!/usr/bin/env python3
"""Damage, plan, follow the plan literally with the real tools, be sound again.

    converge.py CASE --rectify BINARY --config rectify.toml [--keep DIRECTORY]

To be run by overlay.sh on a throw-away copy of the deployed fixture that the
case names.  Prints one JSON object; its `problems` are empty when

    check        finds damage before (never "in sync"), and nothing after
    plan         has no step that a person must decide, and no blocked step
    commands     all succeed, run one by one as they stand
    tree         is the sound one again, except for nondeterministic.toml
    files        that the plan did not need to touch are not touched by check

or, where only a person can decide (remedy = "hand"), when

    plan         hands over for the `reason` that the case gives
    tree         after all other steps differs in nothing but the damage itself
    check        still says so
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import time
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import tree_diff  # noqa: E402

# What stands after `check` and `plan`: a batou environment; a buildout has none.
ENVIRONMENTS = {"large": ["large"]}


class Case:
    def __init__(self, options):
        self.options = options
        self.case = tomllib.loads((options.case / "case.toml").read_text())
        self.problems = []
        self.log = []
        self.rules = tree_diff.load_rules(options.case.parent / "nondeterministic.toml")
        self.sound = os.environ["SOUND_TREE"]
        self.environment = ENVIRONMENTS.get(self.case.get("deployment", "large"), [])
        self.by_hand = self.case["remedy"] == "hand"
        self.damage = []

    def run(self, argv, cwd=None, env=None, name=None):
        start = time.monotonic()
        done = subprocess.run(
            argv,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        text = done.stdout.decode(errors="replace")
        seconds = time.monotonic() - start
        self.log.append(f"$ {' '.join(argv)}\n{text}[{done.returncode}, {seconds:.1f} s]\n")
        return done.returncode, text

    def rectify(self, *arguments):
        argv = [str(self.options.rectify), *arguments, "--config", str(self.options.config)]
        return self.run([*argv, "--no-progress"])

    def problem(self, text):
        self.problems.append(text)

    def follow(self):
        plan_file = pathlib.Path(os.environ["SCRATCH"], "plan.json")
        code, text = self.rectify("check", *self.environment)
        if code not in (2, 3, 4):
            self.problem(f"check of the damaged tree ended with {code}: {text.strip()[-2000:]}")
        # What can be made anew must be: the backup is there all the same.
        way = "redeploy" if self.case["remedy"] == "redeploy" else "auto"
        way = self.case.get("prefer", way)
        code, text = self.rectify(
            "plan", *self.environment, "-o", str(plan_file), "-vv", "--prefer", way
        )
        if code != 0:
            self.problem(f"plan ended with {code}: {text.strip()[-2000:]}")
            return []
        plan = json.loads(plan_file.read_text())
        self.expectations(plan["steps"])
        for step in plan["steps"]:
            if not self.step(step):
                break
        return plan["steps"]

    def expectations(self, steps):
        """What the case demands of the plan as it is written down."""
        handed = [step["reason"] for step in steps if step["action"] == "hand"]
        handed += [step["blocked"] for step in steps if step.get("blocked")]
        if self.by_hand and not any(self.case["reason"] in reason for reason in handed):
            self.problem(f"not handed over for {self.case['reason']!r}, but: {handed}")
        hazards = [hazard["text"] for step in steps for hazard in step.get("hazards", [])]
        wanted = self.case.get("hazard")
        if wanted and not any(wanted in hazard for hazard in hazards):
            self.problem(f"no hazard says {wanted!r}: {hazards}")

    def step(self, step):
        name = f"{step['id']} {step['action']} {step['unit']}"
        if step["action"] == "hand":
            if not self.by_hand:
                self.problem(f"{name}: handed over: {step['reason']}")
            return True
        if step.get("blocked"):
            if self.by_hand:
                return False
            self.problem(f"{name}: blocked: {step['blocked']}")
            return False
        for command in step["commands"]:
            if step["action"] == "verify":
                continue  # done below, with its exit code judged
            code, text = self.run(
                command["argv"], command.get("directory"), command.get("environment")
            )
            if code != 0:
                self.problem(f"{name}: {command['argv']} ended with {code}: {text[-1500:]}")
                return False
        return True

    def judge(self, steps):
        code, text = self.rectify("check", *self.environment)
        if self.by_hand and code not in (2, 3, 4):
            self.problem(f"check after the plan ended with {code}: {text.strip()[-2500:]}")
        if not self.by_hand and code != 0:
            self.problem(f"check after the plan ended with {code}: {text.strip()[-2500:]}")
        left = tree_diff.compare(self.sound, ".", self.rules)
        if self.by_hand:
            left = [difference for difference in left if difference not in self.damage]
        for path, what in left[:8]:
            self.problem(f"{'made worse' if self.by_hand else 'still differs'}: {path}: {what}")
        restored = any(step.get("restores_from") for step in steps)
        if self.case["remedy"] == "restore" and not restored:
            self.problem("only a backup has it, but nothing was restored")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("case", type=pathlib.Path)
    parser.add_argument("--rectify", type=pathlib.Path, required=True)
    parser.add_argument("--config", type=pathlib.Path, required=True)
    parser.add_argument("--keep", type=pathlib.Path)
    options = parser.parse_args()
    # What a developer's machine says to pip is not what a server says.
    os.environ.pop("PIP_FIND_LINKS", None)
    os.environ["PATH"] = f"{options.rectify.parent}:{os.environ['PATH']}"
    case = Case(options)
    case.run([sys.executable, "-B", str(HERE / "damage.py"), str(options.case), "."])
    # Without rules: also what needs not be the same again can be damaged.
    if not tree_diff.compare(case.sound, ".", []):
        case.problem("the damage made no difference")
    case.damage = tree_diff.compare(case.sound, ".", case.rules)
    steps = case.follow()
    case.judge(steps)
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
        (options.keep / f"{options.case.name}.log").write_text("\n".join(case.log))
    result = {
        "case": options.case.name,
        "problems": case.problems,
        "actions": [step["action"] for step in steps],
        "log": "" if not case.problems else "\n".join(case.log)[-6000:],
    }
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
