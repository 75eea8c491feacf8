#!/usr/bin/env python3
"""Real configurations, resolved by zc.buildout itself and by rectify: every difference is printed.

    python public_profiles.py [--remote fail|empty] [--extends-map MAP.json] [--seconds N]
                              [--cases FILE] CHECKOUT...

Takes directories of checkouts, named OWNER+REPOSITORY or as one likes, and resolves every *.cfg below them in its own
directory. fixtures/cases/buildout/public.txt lists the repositories that were compared. Runs with a Python that has
zc.buildout; installs nothing and connects to nothing. A remote file that a profile extends is

- what the map says (URL to path);
- the file of another checkout, where the URL is one of GitHub's for raw files and there is OWNER+REPOSITORY;
- else missing (`fail`) or an empty file (`empty`, the default, which lets all the rest be compared).

A profile that zc.buildout reads for more than N seconds (10) is left out: SlapOS' ones, written for a buildout that
reads each file once, are diamonds upon diamonds to zc.buildout.

Writes the cases to FILE, as doctests.py does, but without the files, and has the ignored test
`public_profiles_resolve_as_zc_buildout_resolves_them` compare rectify's own resolver with the answers. With --cases
it stops before that.
"""
import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile

import buildout_oracle as oracle

RAW = re.compile(r'https?://(?:raw\.github(?:usercontent)?\.com/(?P<repo>[^/]+/[^/]+)|'
                 r'github\.com/(?P<page>[^/]+/[^/]+)/raw)/(?:refs/heads/)?[^/]+/(?P<path>.+)')
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TEST = 'buildout_parity::public::public_profiles_resolve_as_zc_buildout_resolves_them'


class Remote(dict):
    """What stands in for the network; remembers what was asked for."""

    def __init__(self, known, checkouts, empty):
        super().__init__(known)
        self.checkouts = {os.path.basename(path.rstrip('/')).lower(): path for path in checkouts}
        self.empty = empty
        self.used = {}

    def path(self, url):
        if super().__contains__(url):
            return super().__getitem__(url)
        found = RAW.fullmatch(url)
        if found:
            name = (found['repo'] or found['page']).replace('/', '+').lower()
            path = os.path.join(self.checkouts.get(name, '/nonexistent'), found['path'])
            if os.path.isfile(path):
                return path
        return self.empty

    def __contains__(self, url):
        return self.path(url) is not None

    def __getitem__(self, url):
        self.used[url] = self.path(url)
        return self.used[url]


class TooLong(BaseException):
    """zc.buildout is still reading."""


def stop(signum, frame):
    raise TooLong()


def resolved(case, seconds):
    """What the oracle answers; None where it takes too long."""
    signal.alarm(seconds)
    try:
        return oracle.resolve(case)
    except TooLong:
        return None
    finally:
        signal.alarm(0)


def profiles(checkout):
    for place, directories, names in os.walk(checkout):
        directories[:] = sorted(name for name in directories if name != '.git')
        for name in sorted(names):
            # A setup.cfg is no profile, but it must not confuse anybody either.
            if name.endswith('.cfg') and os.path.isfile(os.path.join(place, name)):
                yield place, name


def write_cases(out, args):
    known = {}
    if args.extends_map:
        with open(args.extends_map) as f:
            known = json.load(f)
    with tempfile.NamedTemporaryFile(suffix='.cfg') as empty:
        print(json.dumps(oracle.facts()), file=out)
        for checkout in args.checkouts:
            checkout = os.path.realpath(checkout)
            for place, name in profiles(checkout):
                remote = Remote(known, args.checkouts, empty.name if args.remote == 'empty' else None)
                answer = resolved({'dir': place, 'config': name, 'urls': remote}, args.seconds)
                if answer is None:
                    print('left out, takes too long: %s' % os.path.join(place, name), file=sys.stderr)
                    continue
                urls = {url: '' if path == empty.name else path for url, path in remote.used.items()}
                print(json.dumps({
                    'name': os.path.join(place, name), 'directory': place, 'config': name, 'args': [],
                    'user_defaults': None, 'home': os.path.expanduser('~'), 'urls': urls, 'answer': answer,
                }, sort_keys=True), file=out)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--remote', choices=['fail', 'empty'], default='empty')
    parser.add_argument('--extends-map')
    parser.add_argument('--seconds', type=int, default=10)
    parser.add_argument('--cases')
    parser.add_argument('checkouts', nargs='+')
    args = parser.parse_args()
    os.environ.pop('BUILDOUT_HOME', None)
    signal.signal(signal.SIGALRM, stop)
    here = os.getcwd()
    args.checkouts = [os.path.abspath(path) for path in args.checkouts]
    with open(args.cases, 'w') if args.cases else tempfile.NamedTemporaryFile('w') as out:
        write_cases(out, args)
        out.flush()
        os.chdir(here)
        if not args.cases:
            command = ['cargo', 'test', '--locked', '--test', 'integration', '--', '--ignored', '--nocapture', TEST]
            environment = dict(os.environ, RECTIFY_PROFILES=os.path.abspath(out.name))
            sys.exit(subprocess.run(command, cwd=ROOT, env=environment).returncode)


if __name__ == '__main__':
    main()
