#!/usr/bin/env python3
"""How long resolving a large buildout takes: rectify against `buildout annotate`, in one interleaved run.

    python3 benches/compare_buildout.py COREDEV ZOPE PYTHON [RUNS]

COREDEV is a checkout of plone/buildout.coredev, ZOPE one of zopefoundation/Zope, PYTHON one with zc.buildout. The
profile's remote `extends` are served to both from one extends-cache, made here of ZOPE's files: what is missing in it is
said. Each program is started anew each time, resolves everything and prints every option with where it comes from: the
whole of rectify as `rectify explain :`, and its resolver alone as JSON (examples/resolve_buildout.rs). Needs `make static`
(or $RECTIFY) and `make static STATIC='--example resolve_buildout'`; what is not there is left out. Runs in a copy; starts no
network connection. Prints medians, the ratio and what they were measured on.
"""
import hashlib
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Remote files that coredev's profiles have extended, by the beginning of their URL.
ZOPE_URLS = ('https://raw.githubusercontent.com/zopefoundation/Zope/', 'https://zopefoundation.github.io/Zope/releases/')
PROFILES = ('buildout.cfg', 'bare.cfg', 'core.cfg')


def extended(text, base):
    """URLs that a file extends; its own is in the directory `base`, which is empty for a file of the disk."""
    words = []
    collecting = False
    for line in text.splitlines():
        if line.startswith('extends') and '=' in line:
            collecting, line = True, line.split('=', 1)[1]
        elif not line[:1].isspace():
            collecting = False
        words += line.split() if collecting else []
    return [word if '://' in word else base + '/' + word for word in words if '://' in word or base]


def make_cache(coredev, zope, cache):
    """The files of `cache`, by the MD5 of their URLs; gives the URLs that nothing could be found for."""
    open_urls, missing, done = [], [], set()
    for name in sorted(os.listdir(coredev)):
        if name.endswith('.cfg'):
            with open(os.path.join(coredev, name)) as f:
                open_urls += extended(f.read(), '')
    while open_urls:
        url = open_urls.pop()
        if url in done:
            continue
        done.add(url)
        path = os.path.join(zope, url.rsplit('/', 1)[1])
        if not url.startswith(ZOPE_URLS) or not os.path.isfile(path):
            missing.append(url)
            continue
        with open(path) as f:
            text = f.read()
        with open(os.path.join(cache, hashlib.md5(url.encode()).hexdigest()), 'w') as f:
            f.write(text)
        print('cached for %s: %s of the checkout of Zope' % (url, os.path.basename(path)))
        open_urls += extended(text, url.rsplit('/', 1)[0])
    return missing


def seconds(command, directory, output):
    start = time.perf_counter()
    with open(output, 'wb') as f:
        code = subprocess.run(command, cwd=directory, stdout=f, stderr=subprocess.STDOUT).returncode
    took = time.perf_counter() - start
    if code:
        with open(output, errors='replace') as f:
            sys.exit('%s: exit code %d\n%s' % (' '.join(command), code, f.read()[-2000:]))
    return took


def main():
    coredev, zope, python = map(os.path.abspath, sys.argv[1:4])
    runs = int(sys.argv[4]) if len(sys.argv) > 4 else 7
    machine = subprocess.run(['rustc', '-vV'], stdout=subprocess.PIPE, text=True, check=True).stdout
    host = next(line.split()[1] for line in machine.splitlines() if line.startswith('host:'))
    static = os.environ.get('RECTIFY', os.path.join(TOP, 'target', host, 'release/rectify'))
    dynamic = os.path.join(TOP, 'target/release/rectify')
    scratch = os.path.realpath(tempfile.mkdtemp('rectify-bench'))
    try:
        directory, cache = os.path.join(scratch, 'coredev'), os.path.join(scratch, 'cache')
        shutil.copytree(coredev, directory, ignore=shutil.ignore_patterns('.git'))
        os.mkdir(cache)
        missing = make_cache(directory, zope, cache)
        options = ['buildout:extends-cache=' + cache, 'buildout:offline=true']
        sets = [word for option in options for word in ('--set', option)]
        explain = ['explain', ':', PROFILES[0], '--no-user-defaults', '--dialect', '6'] + sets
        facts = os.path.join(scratch, 'facts.json')
        with open(facts, 'w') as f:
            oracle = os.path.join(TOP, 'tests/oracle/buildout_oracle.py')
            subprocess.run([python, '-W', 'ignore', oracle], stdin=subprocess.DEVNULL, stdout=f, check=True)
        resolver = os.path.join(TOP, 'target', host, 'release/examples/resolve_buildout')
        commands = {
            'buildout annotate': [os.path.join(os.path.dirname(python), 'buildout'), '-U', '-c', PROFILES[0]] + options
            + ['annotate'],
            'the resolver (static)': [resolver, facts, os.path.join(directory, PROFILES[0])] + options,
            'rectify explain : (make static)': [static] + explain,
            'rectify explain : (shared libraries)': [dynamic] + explain,
        }
        commands = {name: command for name, command in commands.items() if os.path.isfile(command[0])}
        times = {name: [] for name in commands}
        output = os.path.join(scratch, 'output')
        for run in range(runs + 1):  # the first one warms up
            for name, command in commands.items():
                took = seconds(command, directory, output)
                if run:
                    times[name].append(took)
        told = subprocess.run([static, '--json'] + explain, cwd=directory, stdout=subprocess.PIPE, check=True).stdout
        sections = json.loads(told)['sections']
        median = {name: statistics.median(values) for name, values in times.items()}
        print('\n| command | median s | min s | max s | ratio |\n|---|---|---|---|---|')
        for name, values in times.items():
            print('| %s | %.4f | %.4f | %.4f | 1/%.0f |' % (
                name, median[name], min(values), max(values), median['buildout annotate'] / median[name]))
        ask = 'import importlib.metadata; print(importlib.metadata.version("zc.buildout"))'
        version = subprocess.run([python, '-c', ask], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
        print('\n%d runs each, alternating, after one to warm up; %d sections, %d options; without a copy: %s\n%d CPUs; load '
              '%.1f; %s %s; zc.buildout %s' % (
                  runs, len(sections), sum(len(one['options']) for one in sections), ', '.join(missing) or 'none',
                  os.cpu_count(), os.getloadavg()[0], platform.system(), platform.release(), version))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == '__main__':
    main()
