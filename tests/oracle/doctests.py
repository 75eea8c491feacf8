#!/usr/bin/env python3
"""zc.buildout's own doctests, replayed: what zc.buildout itself makes of every configuration that they write.

    python doctests.py [PATTERN...] > cases.jsonl

Reads the doctests from the installed package (they are in its wheel; nothing of them is copied), runs them in a
temporary directory with everything taken away that would install, build or connect, and stops at every call of
buildout: there the files are recorded, and what buildout_oracle.py answers. A doctest goes on after an example that
fails, as most of what it prints is about installing.

The first line holds the facts of this Python and machine. Then one line for each case:

    {"name": "extending.txt:35", "directory": D, "config": "buildout.cfg", "args": [["section", "option", "value"]],
     "user_defaults": "/home/default.cfg" or null, "home": H, "files": {path: text}, "urls": {url: text}, "answer": {}}
        a call of buildout; "urls" holds what was downloaded and is not in an extends-cache
    {"name": "configparser.test:48", "parse": TEXT, "answer": {}}
        a call of the bare parser

The last line says what was left out: {"left_out": {reason: number}}.
"""
import ast
import contextlib
import copy
import doctest
import fnmatch
import hashlib
import io
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time

import buildout_oracle as oracle
import zc.buildout.buildout as B
import zc.buildout.configparser as C
import zc.buildout.download as D
import zc.buildout.easy_install
import zc.buildout.testing as T
import zc.buildout.tests

PLACE = os.path.dirname(zc.buildout.tests.__file__)
FILES = ('*.txt', '*.test', 'test_*.py')
MAIN, PARSE, BUILDOUT = B.main, C.parse, B.Buildout
MAX_FILE = 1 << 20


class Stopped(BaseException):
    """A call of buildout has been recorded; it does not go on."""


class Forbidden(Exception):
    """A doctest wants to install, build or connect."""


def forbidden(*args, **kw):
    raise Forbidden()


class World:
    """What the doctests of one file share: directories, servers, and the cases found."""

    def __init__(self, out, left_out):
        self.out = out
        self.left_out = left_out
        self.base = None
        self.servers = {}
        self.where = None
        self.recording = False

    def leave_out(self, reason):
        self.left_out[reason] = self.left_out.get(reason, 0) + 1

    def write(self, case):
        case['name'] = self.where
        print(json.dumps(case, sort_keys=True), file=self.out, flush=True)

    # What the doctests call.

    def tmpdir(self, name):
        path = os.path.join(self.base, name)
        os.mkdir(path)
        return path

    def start_server(self, path):
        url = 'http://localhost:%d/' % (8001 + len(self.servers))
        self.servers[url] = path
        return url

    def system(self, command, input='', with_exit_code=False, env=None):
        words = command if isinstance(command, list) else shlex.split(command)
        if os.path.basename(words[0]) != 'buildout':
            self.leave_out('another program than buildout')
            return ''
        with environment(env or {}):
            self.call(words[1:])
        return ''

    def call(self, args):
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            try:
                MAIN(list(args))
            except Stopped:
                return
            except SystemExit:
                pass
        self.leave_out('help, version, or a command line that is refused')

    # What is recorded.

    def record(self, config, options, user_defaults, command):
        if not config:
            return self.leave_out('no configuration at all')
        if '://' in config:
            return self.leave_out('a configuration behind a URL')
        if command in ('init', 'setup', 'runsetup') and not os.path.exists(config):
            return self.leave_out('`%s` without a configuration' % command)
        if any(option == 'extends' for _, option, _ in options) and oracle_is_old():
            return self.leave_out('`extends` on the command line, before zc.buildout had it')
        home = os.path.expanduser('~')
        defaults = os.path.join(home, '.buildout', 'default.cfg')
        if 'BUILDOUT_HOME' in os.environ:
            defaults = os.path.join(os.environ['BUILDOUT_HOME'], 'default.cfg')
        here = os.getcwd()
        case = {'directory': here, 'config': config, 'args': [list(option) for option in options], 'home': home,
                'user_defaults': defaults if user_defaults and os.path.exists(defaults) else None}
        downloaded = {}
        with self.served(downloaded):
            case['answer'] = oracle.resolve({
                'dir': here, 'config': config, 'user_defaults': user_defaults, 'downloads': True,
                'args': ['%s:%s=%s' % option for option in options]})
        os.chdir(here)
        case['files'] = snapshot(self.base)
        cached = {os.path.basename(path) for path in case['files']}
        case['urls'] = {url: text for url, text in downloaded.items()
                        if hashlib.md5(url.encode()).hexdigest() not in cached}
        self.write(case)

    @contextlib.contextmanager
    def served(self, downloaded):
        """The oracle's turn: its own calls are not recorded, and the servers of the doctest seem to run."""
        def urlretrieve(url, path):
            for server, directory in self.servers.items():
                if url.startswith(server):
                    source = os.path.join(directory, url[len(server):])
                    shutil.copyfile(source, path)
                    with open(source, newline='') as f:
                        downloaded[url] = f.read()
                    return path, {}
            raise IOError('no server')
        before, D.urlretrieve, self.recording = D.urlretrieve, urlretrieve, True
        try:
            yield
        finally:
            D.urlretrieve, self.recording = before, False


def oracle_is_old():
    return not hasattr(B, 'SectionKey')


@contextlib.contextmanager
def environment(changes):
    before = dict(os.environ)
    os.environ.update(changes)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def snapshot(base):
    """Every text below a directory."""
    files = {}
    for place, _, names in os.walk(base):
        for name in names:
            path = os.path.join(place, name)
            if not os.path.isfile(path) or os.path.getsize(path) > MAX_FILE:
                continue
            try:
                with open(path, newline='', encoding='utf-8') as f:
                    files[path] = f.read()
            except UnicodeDecodeError:
                continue
    return files


def recorder(world):
    class Recorder(BUILDOUT):
        """Records and stops where main() makes it; goes on where a doctest does."""

        def __init__(self, config_file, cloptions, use_user_defaults=True, command=None, args=()):
            world.record(config_file, [tuple(option) for option in cloptions], use_user_defaults, command)
            if command is not None:
                raise Stopped()
            super().__init__(config_file, cloptions, use_user_defaults, command, args)
    return Recorder


def parser(world):
    def parse(fp, fpname, exp_globals=dict):
        text = fp.read()
        if not world.recording:
            with world.served({}):
                answer = oracle.parse({'parse': text})
            world.write({'parse': text, 'answer': answer})
        return PARSE(io.StringIO(text), fpname, exp_globals)
    return parse


@contextlib.contextmanager
def harmless(world):
    """zc.buildout with everything taken away that would install, build or connect."""
    import socket
    replaced = [
        (B, 'Buildout', recorder(world)), (B, 'main', lambda args=None: world.call(args or [])),
        (C, 'parse', parser(world)), (subprocess, 'Popen', forbidden), (socket, 'socket', forbidden),
        (T, 'system', world.system), (T, 'buildoutSetUp', forbidden), (zc.buildout.easy_install, 'install', forbidden),
        (zc.buildout.easy_install, 'develop', forbidden), (T, 'fsync', lambda fileno: None),
        (time, 'sleep', lambda seconds: None),
    ]
    before = [(module, name, getattr(module, name)) for module, name, _ in replaced]
    for module, name, value in replaced:
        setattr(module, name, value)
    try:
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)


def world_of_a_doctest(world, base):
    """The directories and names that zc.buildout's own set-up makes, without installing buildout into them."""
    world.base = os.path.join(base, '_TEST_')
    world.servers = {}
    os.mkdir(world.base)
    sample = world.tmpdir('sample-buildout')
    os.chdir(sample)
    for name in ('bin', 'parts', 'eggs', 'develop-eggs'):
        os.mkdir(name)
    T.write('buildout.cfg', '[buildout]\nparts =\n')
    eggs = world.tmpdir('sample_eggs')
    visited = []

    def cd(*path):
        visited.append(os.getcwd())
        os.chdir(os.path.join(*path))

    globs = {name: getattr(T, name) for name in (
        'ls', 'cat', 'mkdir', 'rmdir', 'remove', 'write', 'print_', 'clean_up_pyc') if hasattr(T, name)}
    globs.update(
        sample_buildout=sample, sample_eggs=eggs, buildout=os.path.join(sample, 'bin', 'buildout'),
        tmpdir=world.tmpdir, start_server=world.start_server, link_server=world.start_server(eggs),
        stop_server=lambda *args: None, system=world.system, cd=cd, uncd=lambda: os.chdir(visited.pop()),
        join=os.path.join, os=os, sys=sys, zc=zc, get=forbidden, sdist=forbidden, bdist_egg=forbidden,
        register_teardown=lambda function: None, wait_until=lambda *args, **kw: None,
        update_extdemo=lambda: None, __name__='doctests')
    os.mkdir(os.path.join(eggs, 'index'))
    return globs


def captured(text):
    """Python statements for `.. -> name`: the indented block above it becomes the name's value (as in manuel)."""
    lines, block = text.split('\n'), []
    for number, line in enumerate(lines):
        if line.startswith('.. -> '):
            content = textwrap.dedent('\n'.join(block)).strip('\n') + '\n'
            yield number, doctest.Example('%s = %r\n' % (line[6:].split()[0], content), '', lineno=number)
            block = []
        elif line[:1].isspace() or not line:
            block.append(line)
        else:
            block = []


def tests(patterns):
    """Name and examples of every doctest of the package in files of these names."""
    reader = doctest.DocTestParser()
    for name in sorted(os.listdir(PLACE)):
        if not any(fnmatch.fnmatch(name, pattern) for pattern in patterns):
            continue
        with open(os.path.join(PLACE, name)) as f:
            text = f.read()
        if not name.endswith('.py'):
            examples = [(example.lineno, example) for example in reader.get_examples(text)]
            yield name, sorted(examples + list(captured(text)), key=lambda pair: pair[0])
            continue
        for node in ast.parse(text).body:
            docstring = ast.get_docstring(node, clean=False) if isinstance(node, ast.FunctionDef) else None
            if docstring and '>>>' in docstring:
                first = node.body[0].lineno - 1
                yield name, [(first + example.lineno, example) for example in reader.get_examples(docstring)]


def run(world, name, examples):
    memory = '/dev/shm' if os.access('/dev/shm', os.W_OK) else None
    base = os.path.realpath(tempfile.mkdtemp('doctests', dir=memory))
    here, tempdir = os.getcwd(), tempfile.tempdir
    try:
        globs = world_of_a_doctest(world, base)
        with environment({'HOME': os.path.join(base, 'bbbBadHome')}), harmless(world):
            for line, example in examples:
                world.where = '%s:%d' % (name, line + 1)
                with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                    try:
                        exec(compile(example.source, world.where, 'single'), globs)
                    except Exception:
                        pass  # often on purpose; and most of the rest is about what was installed
    finally:
        os.chdir(here)
        tempfile.tempdir = tempdir
        shutil.rmtree(base, ignore_errors=True)


def main():
    os.environ.pop('BUILDOUT_HOME', None)
    print(json.dumps(oracle.facts()), file=oracle.REAL_STDOUT)
    platform.uname().processor  # starts a program the first time
    left_out = {}
    for name, examples in tests(sys.argv[1:] or FILES):
        run(World(oracle.REAL_STDOUT, left_out), name, copy.copy(examples))
    print(json.dumps({'left_out': left_out}, sort_keys=True), file=oracle.REAL_STDOUT)


if __name__ == '__main__':
    main()
