#!/usr/bin/env python3
"""How much memory rectify takes for very many files.

    python3 benches/memory.py DIRECTORY [RECTIFY...]

Makes Python packages of 1,000 small files with a RECORD in DIRECTORY, 100 and then 1,000 of them, and removes them again
(about 6 GB have to be free; no two files have the same content). Prints the largest resident
memory of each command, and what a file more costs, of one or several programs (without any: target/release/rectify).
"""
import base64
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
EACH = 1000
COUNTS = 100, 1000


def make(directory, packages):
    """A tree of packages, and settings: for checking it by its RECORDs, and as data that nothing vouches for."""
    site = os.path.join(directory, 'tree/lib/python3.11/site-packages')
    empty = os.path.join(directory, 'empty')
    os.makedirs(empty)
    for package in range(packages):
        name = 'package_%05d' % package
        rows = []
        for number in range(EACH):
            module = os.path.join(name, hashlib.md5(b'%d' % (number // 25)).hexdigest()[:10])
            if number % 25 == 0:
                os.makedirs(os.path.join(site, module))
            path = os.path.join(module, hashlib.md5(b'%d' % number).hexdigest()[:14] + '.py')
            content = b'# the source file %06d of %05d\n' % (number, package)
            with open(os.path.join(site, path), 'wb') as f:
                f.write(content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip('=')
            rows.append('%s,sha256=%s,%d\n' % (path, digest, len(content)))
        info = os.path.join(site, name + '-1.0.dist-info')
        os.makedirs(info)
        with open(os.path.join(info, 'RECORD'), 'w') as f:
            f.write(''.join(rows) + '%s-1.0.dist-info/RECORD,,\n' % name)
    tree = os.path.join(directory, 'tree')
    settings = {
        'record': '[[trees]]\npath = "%s"\nkind = "python"\n' % tree,
        'data': '[[trees]]\npath = "%s"\nkind = "python"\n[[data]]\nhost = "localhost"\npath = "%s"\nchanges = "any"\n' % (empty, tree),
    }
    for name, text in settings.items():
        os.mkdir(os.path.join(directory, name))
        with open(os.path.join(directory, name, 'rectify.toml'), 'w') as f:
            f.write('packages = false\n' + text)


def run(command):
    """Largest resident memory in bytes and wall seconds."""
    start = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        _, status, usage = os.wait4(process.pid, 0)
        if os.waitstatus_to_exitcode(status) != 0:
            output.seek(0)
            sys.exit('%s: exit code %d: %s' % (' '.join(command), os.waitstatus_to_exitcode(status), output.read()[-2000:]))
    return usage.ru_maxrss * 1024, time.perf_counter() - start


def main():
    programs = sys.argv[2:] or [os.path.join(TOP, 'target/release/rectify')]
    results = {}
    for packages in COUNTS:
        directory = tempfile.mkdtemp(prefix='rectify-bench-', dir=os.path.realpath(sys.argv[1]))
        try:
            make(directory, packages)
            for program in programs:
                def rectify(command, settings, *more):
                    return run([program, command, 'system', '-C', os.path.join(directory, settings), '--no-progress', *more])
                baseline = os.path.join(directory, 'baseline.jsonl')
                results[program, 'scan, of data', packages] = rectify('scan', 'data', '-o', baseline)
                results[program, 'check, of data', packages] = rectify('check', 'data')
                results[program, 'check, by RECORD', packages] = rectify('check', 'record')
                results[program, 'check, by a baseline', packages] = rectify('check', 'data', '--baseline', baseline)
        finally:
            shutil.rmtree(directory, ignore_errors=True)
    print('| program | what | %s bytes a file more |' % ''.join('MB, %s files | s | ' % format(count * EACH, ',') for count in COUNTS))
    print('|---|---|' + '---:|' * (2 * len(COUNTS) + 1))
    for program, what in dict.fromkeys((program, what) for program, what, _ in results):
        columns = [results[program, what, count] for count in COUNTS]
        more = (columns[-1][0] - columns[0][0]) / ((COUNTS[-1] - COUNTS[0]) * EACH)
        print('| %s | %s | %s %.0f |' % (
            os.path.basename(program), what, ''.join('%.0f | %.1f | ' % (memory / 1e6, wall) for memory, wall in columns), more))
    print('\n%d CPUs; %s %s; %s' % (os.cpu_count(), platform.system(), platform.release(), time.strftime('%Y-%m-%d')))


if __name__ == '__main__':
    main()
