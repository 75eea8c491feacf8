#!/usr/bin/env python3
"""How long checking all files of this machine's packages takes: rectify against other checkers, in one interleaved run.

    python3 benches/packages.py [RUNS] [NAME...]

Only the commands whose names contain one of the NAMEs are run, if any are given. Needs `cargo build --release --example
verify_md5sums` (or $VERIFY_MD5SUMS) and of the program, and, as far as they are to be compared, debsums, hashdeep, aide, rsync and paketkoll
(or $PAKETKOLL); what is not there is left out and said. The page cache is warm: all files are read by a plain loop before each
command, because what lies idle for a minute is slow to come back on some virtual machines, which would be charged to whoever
comes next. One turn before counts for nothing (without debsums and aide, which take a minute each). Prints medians of wall and
processor seconds with what they were measured on. Writes in a scratch directory only; changes nothing. A turn takes some
minutes.
"""
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

# Left out of the turn that warms up.
SLOW = ('debsums', 'aide')
TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
INFO = '/var/lib/dpkg/info'


def claimed_files():
    """The md5sums lists, and the files that they speak of and that are there."""
    lists = sorted(os.path.join(INFO, name) for name in os.listdir(INFO) if name.endswith('.md5sums'))
    paths = set()
    for name in lists:
        with open(name, 'rb') as f:
            paths.update(b'/' + line[34:].rstrip(b'\n') for line in f if len(line) > 35)
    return lists, sorted(path for path in paths if os.path.isfile(path) and not os.path.islink(path))


def make_inputs(scratch):
    """What the commands read besides the files: lists in the form that each wants."""
    lists, paths = claimed_files()
    names = {key: os.path.join(scratch, key) for key in ('lists', 'paths', 'sha256', 'hashdeep', 'aide.conf', 'aide.db', 'copy')}
    with open(names['lists'], 'w') as f:
        f.write('\n'.join(lists) + '\n')
    with open(names['paths'], 'wb') as f:
        f.write(b'\n'.join(paths) + b'\n')
    return names, len(paths), sum(os.path.getsize(path) for path in paths)


def prepare(names, wanted):
    """Baselines of the tools that keep their own; made once, not measured."""
    if 'sha256' in wanted:
        with open(names['sha256'], 'wb') as f:
            subprocess.run(['xargs', '-a', names['paths'], '-d', '\\n', '-P2', '-n2000', 'sha256sum'], stdout=f)
    if 'rsync' in wanted:
        # Hard links: the copy costs no room, and both sides come from the page cache.
        subprocess.run(['rsync', '-a', '--link-dest=/', '--files-from=' + names['paths'], '/', names['copy']])
    if 'hashdeep' in wanted:
        with open(names['hashdeep'], 'wb') as f:
            subprocess.run(['hashdeep', '-c', 'md5', '-f', names['paths']], stdout=f)
    if 'aide' in wanted:
        with open(names['aide.conf'], 'w') as f:
            f.write('database_in=file:%(aide.db)s\ndatabase_out=file:%(aide.db)s\nreport_url=stdout\n'
                    'num_workers=2\n!/usr/local\n/usr sha256+ftype\n' % names)
        subprocess.run(['aide', '--init', '-c', names['aide.conf']], stdout=subprocess.DEVNULL)


def commands(names):
    example = os.environ.get('VERIFY_MD5SUMS', os.path.join(TOP, 'target/release/examples/verify_md5sums'))
    paketkoll = os.environ.get('PAKETKOLL', 'paketkoll')
    return {
        'rectify': [example],
        'rectify, 1 thread': [example, '--jobs', '1'],
        'read only': [example, '--read'],
        'rectify sha256': [example, '--sha256', names['sha256']],
        'check system': [os.path.join(TOP, 'target/release/rectify'), 'check', 'system', '--no-progress'],
        'dpkg -V': ['dpkg', '-V'],
        'md5sum -c -P2': ['sh', '-c', 'cd / && xargs -a %(lists)s -P2 -n20 sh -c \'cat "$@" | md5sum -c --quiet\' sh' % names],
        'paketkoll': [paketkoll, 'check'],
        'hashdeep': ['hashdeep', '-c', 'md5', '-a', '-k', names['hashdeep'], '-f', names['paths']],
        'rsync -nc': ['rsync', '-nc', '--files-from=' + names['paths'], '/', names['copy']],
        'debsums -s': ['debsums', '-s'],
        'aide --check': ['aide', '--check', '-c', names['aide.conf']],
    }


def run(command, output):
    """Wall and processor seconds of a command and all that it starts; its exit code is its verdict and no failure."""
    with open(output, 'wb') as f:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=f, stderr=subprocess.STDOUT)
        _, _, usage = os.wait4(process.pid, 0)
        return time.perf_counter() - start, usage.ru_utime + usage.ru_stime


def main():
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    chosen = sys.argv[2:]
    scratch = os.path.realpath(tempfile.mkdtemp('rectify-bench'))
    try:
        names, count, size = make_inputs(scratch)
        table = {name: command for name, command in commands(names).items()
                 if not chosen or any(part in name for part in chosen)}
        missing = [name for name, command in table.items() if not shutil.which(command[0])]
        table = {name: command for name, command in table.items() if name not in missing}
        prepare(names, ' '.join(table))
        results = {name: [] for name in table}
        output = os.path.join(scratch, 'output')
        loads = []
        reading = commands(names)['read only']
        for turn in range(runs + 1):  # the first one warms up
            for name, command in table.items():
                if not turn and name.startswith(SLOW):
                    continue
                run(reading, output)
                result = run(command, output)
                loads.append(os.getloadavg()[0])
                if turn:
                    results[name].append(result)
        medians = {name: [statistics.median(column) for column in zip(*values)] for name, values in results.items()}
        own = medians.get('rectify') or next(iter(medians.values()))
        print('| command | wall s (median) | min | CPU s (median) | min | wall / rectify | CPU / rectify |\n'
              '|---|---|---|---|---|---|---|')
        for name, values in results.items():
            wall, cpu = medians[name]
            print('| %s | %.2f | %.2f | %.2f | %.2f | %.1f | %.1f |' % (
                name, wall, min(wall for wall, _ in values), cpu, min(cpu for _, cpu in values), wall / own[0], cpu / own[1]))
        print('\n%d runs each, alternating, after one to warm up; %d files, %.2f GB; not there: %s\n'
              '%d CPUs; load %.1f to %.1f; %s %s' % (
                  runs, count, size / 1e9, ', '.join(missing) or 'none', os.cpu_count(), min(loads),
                  max(loads), platform.system(), platform.release()))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == '__main__':
    main()
