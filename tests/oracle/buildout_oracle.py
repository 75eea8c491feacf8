#!/usr/bin/env python3
"""What zc.buildout itself makes of configurations, as JSON lines: offline, nothing installed, no recipe loaded.

    python buildout_oracle.py < cases.jsonl > answers.jsonl

The first line of the answer holds the facts of this Python and machine. Then one line for each case:

    {"dir": D, "config": "buildout.cfg", "args": ["sec:opt=val"], "user_defaults": false}
        the real Buildout class; only Options.initialize() (recipe loading), Download (a map of URLs to files stands in
        for the network: "urls") and mkdir are replaced. An option that only a recipe would set becomes the text
        <<recipe:sec:opt>>.
    {"parse": "[a]\\nx = 1\\n"}
        the bare parser
    {"installed": {"section": {"option": "value"}}}
        how .installed.cfg says it, and what is read back
"""
import contextlib
import io
import json
import logging
import os
import platform
import sys

import zc.buildout
import zc.buildout.buildout as B
import zc.buildout.configparser as C
import zc.buildout.download as D

REAL_STDOUT = sys.stdout
REAL = {name: getattr(os, name) for name in ('makedirs', 'mkdir')}


def facts():
    from importlib.metadata import version
    from zc.buildout.pep425tags import get_abi_tag
    import struct
    return {
        'python_version': list(sys.version_info[:3]),
        'implementation': platform.python_implementation(),
        'sys_platform': sys.platform,
        'platform_machine': platform.machine(),
        'platform_system': platform.system(),
        'platform_release': platform.release(),
        'os_name': os.name,
        'byteorder': sys.byteorder,
        'bits': struct.calcsize('P') * 8,
        'executable': sys.executable,
        'home': os.path.expanduser('~'),
        'buildout_version': version('zc.buildout'),
        'abi_tag': get_abi_tag(),
    }


def assignments(args):
    """As zc.buildout's main() reads the command line."""
    for arg in args:
        option, value = arg.split('=', 1)
        option = option.split(':')
        if len(option) == 1:
            option = 'buildout', option[0]
        section, option = option
        yield section.strip(), option.strip(), value.strip()


@contextlib.contextmanager
def isolated(urls, downloads):
    """No network, no directories made, no handlers left. `downloads`: the caller stands in for the network."""
    call = D.Download.__call__

    def download(self, url, md5sum=None, path=None):
        if downloads:
            return call(self, url, md5sum, path)
        if B._isurl(url) and not url.startswith('file:'):
            if url in urls:
                return urls[url], False
            raise zc.buildout.UserError('unreachable: %s' % url)
        saved, self.cache = self.cache, None
        try:
            return call(self, url, md5sum, path)
        finally:
            self.cache = saved

    D.Download.__call__ = download
    os.makedirs = os.mkdir = lambda *args, **kw: None
    loggers = [logging.getLogger(), logging.getLogger('zc.buildout')]
    handlers = [list(logger.handlers) for logger in loggers]
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        D.Download.__call__ = call
        os.makedirs, os.mkdir = REAL['makedirs'], REAL['mkdir']
        for logger, before in zip(loggers, handlers):
            logger.handlers[:] = before


class Options(B.Options):
    initialized = False

    def initialize(self):
        B._recipe(self._data)  # same failure for a malformed recipe
        self.initialized = True  # here a recipe would have set its options

    def get(self, option, default=None, seen=None):
        value = super().get(option, default, seen)
        if (value is None and seen is not None and self.initialized
                and option not in ('_buildout_section_name_', '_profile_base_location_')):
            return '<<recipe:%s:%s>>' % (self.name, option)
        return value


class Buildout(B.Buildout):
    Options = Options


def text(error):
    return '%s: %s' % (type(error).__name__, error)


def resolve(case):
    out = {'errors': {}}
    os.chdir(case['dir'])
    with isolated(case.get('urls', {}), case.get('downloads', False)):
        try:
            buildout = Buildout(case.get('config', 'buildout.cfg'), list(assignments(case.get('args', ()))),
                                use_user_defaults=case.get('user_defaults', False), command='annotate')
        except Exception as error:
            out['error'] = text(error)
            return out
        try:
            out['parts'] = (buildout['buildout'].get('parts') or '').split()
            [buildout[part]['recipe'] for part in out['parts']]
            out['install_order'] = list(buildout._parts)
        except Exception as error:
            out['errors']['<parts>'] = text(error)
        sections = out['sections'] = {}
        for section in sorted(buildout._raw):
            try:
                options = buildout[section]
                sections[section] = {key: options.get(key) for key in sorted(options.keys())}
            except Exception as error:
                buildout._data.pop(section, None)
                out['errors'][section] = text(error)
        out['annotated'] = {
            section: {key: [[step.operation, step.value, step.source] for step in value.history]
                      for key, value in options.items()}
            for section, options in buildout._annotated.items()}
    return out


def parse(case):
    try:
        return {'parsed': C.parse(io.StringIO(case['parse'], newline=None), 'f', B._default_globals)}
    except Exception as error:
        return {'error': text(error)}


def installed(case):
    out = io.StringIO()
    for section, options in case['installed'].items():
        B._save_options(section, options, out)
        out.write('\n')
    saved = out.getvalue()
    try:
        sections = C.parse(io.StringIO(saved, newline=None), 'f')
    except Exception as error:
        return {'saved': saved, 'error': text(error)}
    for options in sections.values():
        for option, value in options.items():
            if '%(' in value:
                for quoted, plain in B._spacey_defaults:
                    value = value.replace(quoted, plain)
                options[option] = value
    return {'saved': saved, 'read': sections}


def main():
    os.environ.pop('BUILDOUT_HOME', None)
    print(json.dumps(facts()), file=REAL_STDOUT, flush=True)
    for line in sys.stdin:
        case = json.loads(line)
        if 'home' in case:
            os.environ['BUILDOUT_HOME'] = case['home']
        if 'parse' in case:
            answer = parse(case)
        elif 'installed' in case:
            answer = installed(case)
        else:
            answer = resolve(case)
        print(json.dumps(answer, sort_keys=True), file=REAL_STDOUT, flush=True)


if __name__ == '__main__':
    main()
