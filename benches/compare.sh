#!/bin/sh
# How long a look at a deployment takes: rectify against batou's own dry runs.
#
#     benches/compare.sh DIR [RUNS]
#
# DIR was made by `.ci/prepare DIR`; all commands run in an overlay over it, so nothing in it is changed.  Needs root,
# hyperfine and a release build (`cargo build --release`, or $RECTIFY).  Prints medians, ratios and what they were
# measured on.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
if [ "${1:-}" != --inside ]; then
    dir=$(cd "${1:?the directory that .ci/prepare made}" && pwd -P)
    shift
    exec "$top/tests/tools/overlay.sh" "$dir" "$top/benches/compare.sh" --inside "$dir" "$@"
fi
shift
dir=$(cd "${1:?the directory that .ci/prepare made}" && pwd -P)
runs=${2:-7}
rectify=${RECTIFY:-$top/target/release/rectify}
[ -e "$dir/complete" ] || { echo "$dir is not prepared: run .ci/prepare" >&2; exit 64; }
results=$(mktemp)
trap 'rm -f "$results"' EXIT
cd "$dir/tree"
# All three see a sound deployment: none has anything to repair.
hyperfine --warmup 1 --runs "$runs" --ignore-failure --export-json "$results" \
    --command-name 'rectify check' "$rectify check large" \
    --command-name 'batou --predict-only' './batou deploy large --predict-only --local' \
    --command-name 'batou --consistency-only' './batou deploy large --consistency-only --local' >&2
python3 - "$results" "$rectify" "$top" <<'PY'
import datetime, json, os, platform, statistics, subprocess, sys

results, rectify, top = sys.argv[1:]
say = lambda *command, **kw: subprocess.run(command, stdout=subprocess.PIPE, text=True, **kw).stdout.strip()
runs = json.load(open(results))["results"]
median = {r["command"]: r["median"] for r in runs}
print("| command | median s | min s | max s | user + system s | exit codes | rectify is faster by |")
print("|---|---|---|---|---|---|---|")
for r in runs:
    codes = " ".join(map(str, sorted(set(r["exit_codes"]))))
    print("| %s | %.2f | %.2f | %.2f | %.2f | %s | %.1f |" % (
        r["command"], r["median"], r["min"], r["max"], r["user"] + r["system"], codes,
        r["median"] / median["rectify check"]))
model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
print()
print("%d runs each after one to warm up; %d CPUs, %s; load %.1f at the end; Linux %s; Python %s; %s; checkout at %s; %s" % (
    len(runs[0]["times"]), os.cpu_count(), model, os.getloadavg()[0], platform.release(), platform.python_version(),
    say(rectify, "--version"), say("git", "rev-parse", "--short", "HEAD", cwd=top),
    datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d")))
PY
